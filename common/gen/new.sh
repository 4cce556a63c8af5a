#!/bin/sh
# new.sh NAME - a new function from functions/_template: source, unit test,
# README. It builds, passes and is served at once; nothing else is edited.
set -eu
cd "$(dirname "$0")/../.."
name=$1
case $name in
*[!a-z0-9]* | [!a-z]*)
    echo "a function's name is small letters and digits: not '$name'" >&2
    exit 1 ;;
esac
[ ! -e "functions/$name" ] || { echo "there is a functions/$name" >&2; exit 1; }
mkdir "functions/$name"
for file in functions/_template/*; do
    to=$(basename "$file" | sed "s/hello/$name/")
    sed "s/hello/$name/g" "$file" >"functions/$name/$to"
done
echo "functions/$name is there. Try: make check FN=$name"
