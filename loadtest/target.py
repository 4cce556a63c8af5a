"""target - which addresses load may go to: this machine, or whatever the user
says is theirs."""
import ipaddress
import os
import urllib.parse


def is_here(host):
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host or "").is_loopback
    except ValueError:
        return False


def must_be_ours(url):
    """Ends the program unless `url` is on this machine or I_OWN_THIS_HOST is
    "yes"."""
    host = urllib.parse.urlsplit(url).hostname
    if not is_here(host) and os.environ.get("I_OWN_THIS_HOST") != "yes":
        raise SystemExit(
            f"{url} is not this machine. Load is for shops of your own: set "
            "I_OWN_THIS_HOST=yes if it is one.")
    return url.rstrip("/")
