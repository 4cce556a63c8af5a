"""yml - write plain data as YAML: maps, lists, strings, integers, booleans.
Every string that a YAML 1.1 or 1.2 reader could take for something else is
quoted as JSON, which YAML includes."""
import json
import re

SAFE = re.compile(r"[A-Za-z_/][A-Za-z0-9_./-]*( [A-Za-z0-9_./()-]+)*")
WORDS = {"y", "n", "yes", "no", "on", "off", "true", "false", "null"}


class Plain(str):
    """Text to write as it is."""


def scalar(value):
    if isinstance(value, Plain):
        return str(value)
    if isinstance(value, str):
        if SAFE.fullmatch(value) and value.lower() not in WORDS:
            return value
        return json.dumps(value, ensure_ascii=False)
    return json.dumps(value)


def lines(value, indent):
    pad = "  " * indent
    if isinstance(value, dict):
        for key, item in value.items():
            yield from entry(f"{pad}{scalar(key)}:", item, indent + 1)
    else:
        for item in value:
            if isinstance(item, (dict, list)) and item:
                nested = list(lines(item, indent + 1))
                yield pad + "- " + nested[0].lstrip()
                yield from nested[1:]
            else:
                yield from entry(pad + "-", item, indent + 1)


def entry(head, item, indent):
    if isinstance(item, dict) and item or isinstance(item, list) and item:
        yield head
        yield from lines(item, indent)
    else:
        yield f"{head} {scalar(item)}"


def dump(value):
    return "\n".join(lines(value, 0)) + "\n"
