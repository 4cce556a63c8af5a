#!/usr/bin/env python3
"""faults - the replay of replay.py while the machine dies around it.

  faults.py (as replay.py) --run DIR --restart COMMAND --sim URL

Kills with SIGKILL, round after round in random order, every program that has
a pid file in DIR/pids (functions, relay, Redis, NATS or Kafka; not what plays
the outside world), has `COMMAND NAME` start each again, and in between has the payment simulator be slow, fail, hang up after
the work, and send webhooks late, twice, shuffled or never. Then everything is
healed, and the prover must agree as if nothing had happened. --seed repeats a
run's choices.
"""
import http.client
import json
import os
import random
import shlex
import signal
import subprocess
import sys
import threading
import time
import urllib.parse

from replay import Replay, parser, prepare

# The gateway is where clients measure from; the database has tests of its
# own; the rest is the outside world.
SPARED = {"gateway", "nginx", "postgres", "pg", "sim", "simulator", "smtp",
          "smtp_sink", "mail"}
CALM = {"delay_ms": 0, "error_rate": 0, "error_next": 0,
        "drop_after": {"sessions": 0, "expire": 0, "refunds": 0, "pay": 0},
        "duplicate_webhooks": 0, "reorder": False, "hold_webhooks": False,
        "drop_webhooks": 0}
BACK_S = 60
# After each round the machine gets this long in peace, else nothing that takes
# time to recover ever would. A Kafka group waits 45 s for a killed member.
CALM_S, CALM_KAFKA_S = 5, 75
MISCHIEF = [
    {"delay_ms": 2500}, {"error_rate": 0.5}, {"duplicate_webhooks": 3},
    {"drop_after": {"sessions": 3, "expire": 2, "refunds": 2, "pay": 3}},
    {"reorder": True}, {"hold_webhooks": True}, {"drop_webhooks": 0.5}]


class Chaos(threading.Thread):
    def __init__(self, args, check):
        super().__init__()
        self.args, self.check = args, check
        self.rng = random.Random(args.seed)
        self.over = threading.Event()
        self.killed, self.mischief = {}, 0
        self.pids = os.path.join(args.run, "pids")

    # -- programs --

    def victims(self):
        names = {name[:-4] for name in os.listdir(self.pids)
                 if name.endswith(".pid")}
        return sorted(names - SPARED)

    def pid(self, name):
        try:
            with open(os.path.join(self.pids, name + ".pid"),
                      encoding="utf-8") as file:
                return int(file.read())
        except (OSError, ValueError):
            return None

    def alive(self, name):
        pid = self.pid(name)
        return pid is not None and os.path.exists(f"/proc/{pid}")

    def kill(self, name):
        pid = self.pid(name)
        try:
            os.kill(pid, signal.SIGKILL)
            self.killed[name] = self.killed.get(name, 0) + 1
            print(f"killed {name}", flush=True)
        except (ProcessLookupError, TypeError):
            pass  # on its way back already
        self.start_again(name, pid)

    def start_again(self, name, gone):
        """Until it lives with another pid than `gone`. A supervisor may be
        quicker than the command."""
        done = subprocess.run(
            shlex.split(self.args.restart) + [name], check=False,
            stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT, text=True)
        self.check(done.returncode == 0,
                   f"restart {name}: {done.stdout[-500:]}")
        end = time.monotonic() + BACK_S
        while time.monotonic() < end:
            if self.pid(name) != gone and self.alive(name):
                return
            time.sleep(0.05)
        self.check(False, f"{name} was not started again")

    # -- the simulator --

    def switch(self, wanted):
        parts = urllib.parse.urlsplit(self.args.sim)
        link = http.client.HTTPConnection(parts.hostname, parts.port,
                                          timeout=30)
        link.request("POST", "/_sim", json.dumps(wanted))
        status = link.getresponse().status
        link.close()
        self.check(status == 200, f"simulator refuses {wanted}")

    def misbehave(self):
        wanted = self.rng.choice(MISCHIEF)
        print(f"simulator: {wanted}", flush=True)
        self.mischief += 1
        self.switch(wanted)

    # -- the run --

    def run(self):
        while not self.over.is_set():
            names = self.victims()
            self.rng.shuffle(names)
            for name in names:
                if self.over.wait(self.rng.uniform(0.1, 1)):
                    return
                self.kill(name)
                if self.rng.random() < 0.5:
                    self.switch(CALM)  # what went before is over
                    self.misbehave()
            self.switch(CALM)
            self.over.wait(CALM_KAFKA_S if "kafka" in names else CALM_S)

    def heal(self):
        self.over.set()
        self.join()
        self.switch(CALM)
        print("killed", ", ".join(f"{name} {n}x" for name, n in
                                  sorted(self.killed.items())),
              f"- simulator misbehaved {self.mischief} times", flush=True)


def main():
    made = parser(__doc__)
    made.add_argument("--run", required=True, help="folder with pids/")
    made.add_argument("--restart", required=True,
                      help="command that takes a name")
    made.add_argument("--sim", default="http://127.0.0.1:7201")
    args = prepare(made.parse_args(), kills=True)
    replay = Replay(args)
    replay.stock_up()
    chaos = Chaos(args, replay.check)
    begun = time.monotonic()
    chaos.start()
    try:
        replay.run()
    finally:
        chaos.heal()
    print(f"faults for {time.monotonic() - begun:.0f} s", flush=True)
    never = set(chaos.victims()) - set(chaos.killed)
    replay.check(not never, f"never killed: {sorted(never)}")
    replay.prove()
    return replay.report()


if __name__ == "__main__":
    sys.exit(main())
