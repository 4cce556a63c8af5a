#!/usr/bin/env python3
"""run.py - every test, stage after stage, one tally.

  run.py [STAGE ...]     all stages, or these (names or beginnings of names)
  run.py --list          the table
  run.py --unit FN       unit tests of one function or folder of common/

A stage is a command. Its output goes to build/test/<stage>.log; what counts is
its last line `N passed, N failed`, or else its exit status as one fact. Stages
that need a shop say which; it is started fresh on ports of its own, beside one
that `make up` may have started, and what its sanitizers report is a failure.
FUZZ_S is how long each fuzz target runs (60).
"""
import dataclasses
import os
import pathlib
import re
import subprocess
import sys
import time

TOP = pathlib.Path(__file__).resolve().parents[1]
OUT = TOP / "build/san"
LOGS = TOP / "build/test"
CACHE = pathlib.Path(os.environ.get("XDG_CACHE_HOME",
                                    pathlib.Path.home() / ".cache"), "bodega")
PYTHON = str(CACHE / "venv/bin/python")
SHARED = os.environ.get("BODEGA_SHARED", str(TOP.parent / "shared"))
RUN = f"/var/tmp/bodega-test-{os.getuid()}"
PORTS = {"PORT_GATEWAY": 26080, "PORT_FUNCTIONS": 26100, "PORT_SIM": 26201,
         "PORT_PG": 26301, "PORT_REDIS": 26302, "PORT_NATS": 26303,
         "PORT_NATS_MONITOR": 26304, "PORT_SMTP": 26306, "PORT_INBOX": 26307,
         "PORT_KAFKA": 26310}
SANITIZERS = {
    "ASAN_OPTIONS": "abort_on_error=1:detect_stack_use_after_return=0",
    "UBSAN_OPTIONS": "print_stacktrace=1",
    "LSAN_OPTIONS": f"suppressions={TOP}/tests/lsan.supp:print_suppressions=0"}
TALLY = re.compile(r"^(\d+) passed, (\d+) failed$", re.M)
CRITERION = re.compile(r"Passing: \D*(\d+)\D* \| Failing: \D*(\d+)\D* "
                       r"\| Crashing: \D*(\d+)")


@dataclasses.dataclass
class Stage:
    """`command` is run by the shell at the top of the tree with what `shop`
    is about in its environment: SHOP (its folder), BODEGA_URL, SIM_URL,
    INBOX_URL, BUS_URL, ADMIN_TOKEN_FILE, DATABASE_URL_FILE."""
    name: str
    command: str
    shop: str = ""  # "", "nats", "kafka": with the sample; "-fresh": without
    env: dict = dataclasses.field(default_factory=dict)
    limit_s: int = 900
    data: str = ""  # a file it reads that no clone brings along


RETAIL = f"{SHARED}/data/online_retail.csv"
FLOW = (f'--csv "{RETAIL}" --url "$BODEGA_URL" '
        '--admin-token-file "$ADMIN_TOKEN_FILE" --db "@$DATABASE_URL_FILE" '
        '--topics "$TOPICS_URL" --ledger "$SHOP/sim/ledger.jsonl" '
        '--mail "$INBOX_URL/messages"')
FAULTS = (f'{PYTHON} tests/flow/faults.py {FLOW} --run "$SHOP" '
          '--sim "$SIM_URL" --restart "common/local/local.sh resume"')


def unit_stages(only=None):
    """One stage per unit test program; the bus's contract on each broker."""
    for source in sorted([*TOP.glob("common/*/*_test.c"),
                          *TOP.glob("functions/*/*_test.c")]):
        path = source.relative_to(TOP)
        if only and path.parts[1] != only:
            continue
        name = f"unit-{path.parts[1]}-{path.stem.removesuffix('_test')}"
        command = str(OUT / "unit" / path.with_suffix(""))
        if path.stem == "bus_test":
            for bus in ("nats", "kafka"):
                yield Stage(f"{name}-{bus}", command, env={"BUS": bus})
        else:
            yield Stage(name, command)


def fuzz_stages():
    for source in sorted(TOP.glob("tests/fuzz/*.c")):
        yield Stage(f"fuzz-{source.stem}",
                    f"tests/run_fuzz.sh {source.stem}", limit_s=1800)


def stages():
    yield Stage("lint", "python3 common/gen/lint.py")
    yield Stage("gen", "tests/run_gen.sh")
    yield Stage("new", "tests/run_new.sh")
    yield from unit_stages()
    yield from fuzz_stages()
    yield Stage("chart", "tests/cluster/chart.sh", limit_s=1800)
    yield Stage("prover-can-fail", f"{PYTHON} tests/prover/break.py")
    yield Stage("gateway", "python3 functions/gateway/gateway_test.py", "nats")
    yield Stage("openfaas", "tests/run_openfaas.sh", "nats")
    yield Stage("bytes", 'python3 tests/http/raw.py 127.0.0.1 '
                         f'{PORTS["PORT_FUNCTIONS"] + 1}', "nats")
    yield Stage("bad-input", 'python3 tests/http/api_cases.py "$BODEGA_URL" '
                             '"$ADMIN_TOKEN_FILE"', "nats")
    yield Stage("metrics", "tests/run_metrics.sh", "nats")
    yield Stage("telemetry", "python3 tests/flow/telemetry.py", "nats")
    yield Stage("away", "python3 tests/flow/away.py", "nats")
    yield Stage("browser", 'BASE_URL="$BODEGA_URL" MAIL_URL="$INBOX_URL" '
                           'python3 tests/browser/shop_test.py', "nats")
    yield Stage("schema", "tests/run_schema.sh", "nats")
    yield Stage("payment-api", f'{PYTHON} tests/gateway_sim/check_api.py '
                               '--record "$SHOP/sim/record.jsonl"', "nats")
    # The limit leaves time to build k6, once.
    yield Stage("load", "tests/run_load.sh", "nats", limit_s=1800)
    yield Stage("replay-nats", f"{PYTHON} tests/flow/replay.py {FLOW}",
                "nats-fresh-1", data=RETAIL)
    yield Stage("faults-nats", FAULTS, "nats-fresh-2", data=RETAIL)
    yield Stage("faults-kafka", FAULTS, "kafka-fresh", data=RETAIL)


class Shop:
    """The shop that runs for the stages now; at most one."""

    def __init__(self):
        self.kind = ""
        self.up = False

    def env(self, kind):
        env = {**os.environ, **{k: str(v) for k, v in PORTS.items()},
               **SANITIZERS, "BODEGA_RUN": RUN, "FLAVOUR": "san", "OUT": "",
               "SIM_RECORD": f"{RUN}/sim/record.jsonl",
               "CALLBACK_ORIGINS": "http://127.0.0.1:26309"}
        if kind:
            env["BUS"] = kind.split("-")[0]
            env["SAMPLE"] = "no" if "fresh" in kind else "yes"
            env.update(self.facts())
        return env

    def facts(self):
        try:
            text = pathlib.Path(RUN, "shop.env").read_text("utf-8")
        except OSError:
            return {}
        facts = dict(line.split("=", 1) for line in text.splitlines())
        kafka = facts["BUS"] == "kafka"
        return {**facts, "SHOP": RUN,
                "TOPICS_URL": ("kafka://" if kafka else "") + facts["BUS_URL"]}

    def local(self, command, kind, log):
        return subprocess.run([TOP / "common/local/local.sh", command],
                              cwd=TOP, env=self.env(kind), check=False,
                              stdin=subprocess.DEVNULL, stdout=log,
                              stderr=subprocess.STDOUT).returncode

    def need(self, kind, log):
        """Make the shop `kind`; False when it does not start."""
        if not kind:
            return True
        if kind == self.kind:
            return self.up
        self.close(log)
        self.kind = kind
        self.up = self.local("up", kind, log) == 0
        return self.up

    def close(self, log):
        """End it; returns what its sanitizers had to say."""
        if not self.kind:
            return ""
        self.local("stop", self.kind, log)
        found = [f"{path.name}: {line}"
                 for path in sorted(pathlib.Path(RUN, "log").glob("*.log"))
                 for line in path.read_text("utf-8", "replace").splitlines()
                 if "ERROR: AddressSanitizer" in line
                 or "ERROR: LeakSanitizer" in line or "runtime error:" in line]
        self.local("down", self.kind, log)
        self.kind = ""
        return "\n".join(found)


class Tally:
    def __init__(self):
        self.passed = self.failed = 0
        self.bad = []

    def add(self, name, passed, failed, seconds):
        self.passed += passed
        self.failed += failed
        word = "ok  " if not failed else "FAIL"
        print(f"{word} {name:28} {passed:6} passed {failed:4} failed "
              f"{seconds:6.0f} s", flush=True)
        if failed:
            self.bad.append(name)


def count(text, status):
    """(passed, failed) of a stage from what it printed and its status."""
    tallies = TALLY.findall(text)
    plain = re.sub(r"\x1b\[[0-9;]*m", "", text)
    criterion = CRITERION.findall(plain)
    if tallies:
        passed, failed = map(int, tallies[-1])
    elif criterion:
        passed, failing, _crashing = map(int, criterion[-1])
        failed = failing
    else:
        return (1, 0) if status == 0 else (0, 1)
    if status != 0 and failed == 0 or passed + failed == 0:
        failed += 1
    return passed, failed


def run(stage, shop, tally):
    path = LOGS / f"{stage.name}.log"
    begun = time.monotonic()
    with open(path, "w", encoding="utf-8") as log:
        if not shop.need(stage.shop, log):
            print("its shop did not start", file=log, flush=True)
            status = 1
        else:
            env = {**shop.env(stage.shop), **stage.env}
            status = shell(stage, env, log)
    text = path.read_text("utf-8", "replace")
    passed, failed = count(text, status)
    tally.add(stage.name, passed, failed, time.monotonic() - begun)
    if failed:
        print("".join(f"     | {line}\n" for line in
                      text.splitlines()[-25:]), end="", flush=True)


def shell(stage, env, log):
    """Exit status of the stage's command; its whole group ends with it."""
    with subprocess.Popen(["bash", "-c", stage.command], cwd=TOP, env=env,
                          stdin=subprocess.DEVNULL, stdout=log,
                          stderr=subprocess.STDOUT,
                          start_new_session=True) as child:
        try:
            return child.wait(stage.limit_s)
        except subprocess.TimeoutExpired:
            log.write(f"\nnot done after {stage.limit_s} s\n")
            return 124
        finally:
            try:
                os.killpg(child.pid, 9)
            except ProcessLookupError:
                pass


def build(targets):
    """Compile what the stages run; what does not compile fails by name."""
    for flavour, wanted in targets:
        done = subprocess.run(
            ["make", "-j2", f"FLAVOUR={flavour}", "OUT=build/" + flavour,
             *wanted], cwd=TOP, check=False)
        if done.returncode:
            sys.exit("0 passed, 1 failed")


def choose(words):
    if words[:1] == ["--unit"]:
        chosen = list(unit_stages(words[1]))
    else:
        chosen = [s for s in stages()
                  if not words or any(s.name.startswith(w) for w in words)]
    if not chosen:
        sys.exit(f"no such stage: {' '.join(words)}")
    return chosen


def prepare(chosen):
    targets = [("san", ["build", "units"])]
    if any(s.name.startswith("fuzz") for s in chosen):
        targets.append(("fuzz", ["fuzzers"]))
    if any(s.name == "gen" for s in chosen):
        targets.append(("release", ["build"]))
    build(targets)
    if any(PYTHON in s.command or s.shop or s.env.get("BUS") == "kafka"
           for s in chosen):
        subprocess.run(["sh", "tests/run_tools.sh"], cwd=TOP, check=False)


def main():
    words = sys.argv[1:]
    if words == ["--list"]:
        for stage in stages():
            print(f"{stage.name:28} {stage.shop:14} {stage.command}")
        return 0
    chosen = choose(words)
    LOGS.mkdir(parents=True, exist_ok=True)
    prepare(chosen)
    tally, shop = Tally(), Shop()
    try:
        for stage in chosen:
            run_in_shop(stage, shop, tally)
    finally:
        end(shop, tally)
    if tally.bad:
        print("failed:", " ".join(tally.bad), "- logs in build/test/")
    print(f"{tally.passed} passed, {tally.failed} failed")
    return 1 if tally.failed else 0


def run_in_shop(stage, shop, tally):
    """Close the shop before a stage that needs another one."""
    if stage.data and not os.path.exists(stage.data):
        print(f"left out: {stage.name}, its data is not here ({stage.data})")
        return
    if stage.shop and shop.kind and stage.shop != shop.kind:
        end(shop, tally)
    run(stage, shop, tally)


def end(shop, tally):
    kind, begun = shop.kind, time.monotonic()
    if not kind:
        return
    with open(LOGS / f"shop-{kind}.log", "w", encoding="utf-8") as log:
        found = shop.close(log)
    tally.add(f"sanitizers-{kind}", int(not found), int(bool(found)),
              time.monotonic() - begun)
    if found:
        print(found)


if __name__ == "__main__":
    sys.exit(main())
