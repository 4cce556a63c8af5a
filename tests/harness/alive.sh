# alive PID - is the process there? A zombie is gone: in a container nobody may
# be there to reap it. Sourced.
alive() {
    case $(cat "/proc/$1/stat" 2>/dev/null) in
    '' | *') Z '*) return 1 ;;
    esac
}
