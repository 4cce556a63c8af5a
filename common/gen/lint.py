#!/usr/bin/env python3
"""lint.py - the house rules a program can check. Prints one line per breach;
the last line is `N passed, N failed`, one fact per rule and file."""
import pathlib
import re
import subprocess
import sys

TOP = pathlib.Path(__file__).resolve().parents[2]
LAYERS = ("base", "obs", "sched", "io", "run")
TOP_LEVEL = {"Makefile", "stack.yml", "Dockerfile", "README.md", "LICENSE",
             "functions", "common", "charts", "k8s", "tests", "loadtest"}
FUNCTION_MAX, FILE_MAX, COLUMN_MAX = 70, 800, 100

BANNED = [
    (r"\bgoto\b", "goto"),
    (r"\balloca\s*\(", "alloca: stacks are small"),
    (r"\bPQexec\s*\(", "PQexec: parameters only (PQsendQueryParams)"),
    (r"\bredis(Async)?Command\s*\(", "redisCommand: use the argv form"),
    (r"\b(float|double)\b", "floating point"),
]
SECRETS = re.compile(r"sk_live_\w|rk_live_\w|-----BEGIN [A-Z ]*PRIVATE KEY"
                     r"|\bAKIA[0-9A-Z]{16}\b|\bghp_\w{30}")
UNFINISHED = re.compile(r"\b(TO" r"DO|FIX" r"ME|XX" r"X)\b")
MACHINE = re.compile(r"(?<![\w.])/(work|root)/\w")


def tracked():
    """Files of the tree that git knows or would take."""
    out = subprocess.run(["git", "ls-files", "-co", "--exclude-standard"],
                         cwd=TOP, check=True, capture_output=True, text=True)
    return [TOP / line for line in out.stdout.splitlines()
            if (TOP / line).is_file()]


def without_comments(text):
    """C with comments and strings blanked, lines kept."""
    def blank(match):
        return re.sub(r"[^\n]", " ", match[0])
    return re.sub(r'/\*.*?\*/|//[^\n]*|"(?:\\.|[^"\\\n])*"', blank, text,
                  flags=re.S)


def layer_breach(path, include):
    """Why this file may not include that one, or None."""
    parts = path.relative_to(TOP).parts
    at = include.split("/")
    if parts[0] == "common" and parts[1] in LAYERS:
        if at[0] in LAYERS and LAYERS.index(at[0]) > LAYERS.index(parts[1]):
            return f"{parts[1]} may not use {at[0]}"
        if len(at) > 1 and (TOP / "functions" / at[0]).is_dir():
            return "common may not use a function"
    if parts[0] == "functions":
        own = len(at) == 1 or at[0] == parts[1]
        common = at[0] in LAYERS[:-1] and "_private" not in include
        if not (own or common or include == "run/fn.h"
                or at[-1].endswith("_client.h")):
            return "a function uses common, of run only fn.h, and *_client.h"
    return None


def includes(path, text):
    for number, line in enumerate(text.splitlines(), 1):
        match = re.match(r'\s*#\s*include\s+"([^"]+)"', line)
        why = match and layer_breach(path, match[1])
        if why:
            yield number, f'"{match[1]}": {why}'


def budgets(_path, text):
    lines = text.splitlines()
    if len(lines) > FILE_MAX:
        yield len(lines), f"file has {len(lines)} lines, {FILE_MAX} allowed"
    start = None
    for number, line in enumerate(lines, 1):
        if len(line) > COLUMN_MAX:
            yield number, f"{len(line)} columns, {COLUMN_MAX} allowed"
        if line == "{":
            start = number
        elif line == "}" and start:
            size = number - start + 1
            if size > FUNCTION_MAX:
                yield start, f"function of {size} lines, " \
                             f"{FUNCTION_MAX} allowed"
            start = None


def banned(path, text):
    # banned.h names what it bans; a test may check a number with decimals.
    if path.name == "banned.h" or path.name.endswith("_test.c"):
        return
    for number, line in enumerate(without_comments(text).splitlines(), 1):
        for pattern, why in BANNED:
            if re.search(pattern, line):
                yield number, why


def words(_path, text):
    for number, line in enumerate(text.splitlines(), 1):
        if SECRETS.search(line):
            yield number, "looks like a secret"
        if UNFINISHED.search(line):
            yield number, "unfinished work"
        if MACHINE.search(line):
            yield number, "path of one machine"


def unformatted(files):
    """{path: line} of the sources that clang-format would change. Headers are
    laid out by hand."""
    sources = [str(f.relative_to(TOP)) for f in files if f.suffix == ".c"]
    out = subprocess.run(["clang-format-14", "--dry-run", *sources], cwd=TOP,
                         check=False, capture_output=True, text=True)
    found = {}
    for match in re.finditer(r"^(\S+?):(\d+):\d+: warning", out.stderr, re.M):
        found.setdefault(TOP / match[1], int(match[2]))
    return found


def top_level(files):
    for name in sorted({f.relative_to(TOP).parts[0] for f in files}):
        if name not in TOP_LEVEL and not name.startswith("."):
            yield name


def read(path):
    try:
        return path.read_text(encoding="utf-8")
    except UnicodeDecodeError:
        return None


def check(path, ugly):
    """[breaches of one rule] for one file; a breach is (line, what)."""
    text = read(path)
    if text is None:
        return []
    rules = [words]
    if path.suffix in (".c", ".h"):
        rules += [includes, budgets, banned]
    facts = [list(rule(path, text)) for rule in rules]
    if path.suffix == ".c":
        facts.append([(ugly[path], "format: make fmt")] if path in ugly else [])
    return facts


def main():
    files = tracked()
    ugly = unformatted(files)
    passed = failed = 0
    for path in files:
        if "corpus" in path.parts:
            continue
        for breaches in check(path, ugly):
            for line, what in breaches:
                print(f"{path.relative_to(TOP)}:{line}: {what}")
            failed += bool(breaches)
            passed += not breaches
    for name in top_level(files):
        print(f"{name}: not one of the top level's folders and files")
        failed += 1
    print(f"{passed} passed, {failed} failed")
    sys.exit(bool(failed))


main()
