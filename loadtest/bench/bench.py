#!/usr/bin/env python3
"""Ratios in one run. See bench.sh. Every figure names how it was taken; the
rounds go A B C A B C so that a drifting machine drifts for all of them."""
import glob
import http.client
import json
import os
import re
import shlex
import signal
import socket
import statistics
import subprocess
import sys
import time
import urllib.parse
import uuid

HERE = os.path.dirname(os.path.abspath(__file__))
TOP = os.path.dirname(os.path.dirname(HERE))
RUN = os.environ.get("BODEGA_RUN", f"/var/tmp/bodega-{os.getuid()}")
BIN = os.path.join(TOP, os.environ.get("OUT", "build/release"), "bin")
ROUNDS = int(os.environ.get("BENCH_ROUNDS", "5"))
SECONDS = int(os.environ.get("BENCH_SECONDS", "4"))
CONNECTIONS = 64
HZ = os.sysconf("SC_CLK_TCK")


def settings(path):
    with open(f"{RUN}/{path}", encoding="utf-8") as f:
        pairs = (line.strip().partition("=") for line in f)
        return {key: "".join(shlex.split(value)) for key, _, value in pairs}


def env_of(name):
    return {"PATH": os.environ["PATH"], "HOME": os.environ.get("HOME", "/"),
            **settings(f"env/{name}")}


def where(name):
    return f"127.0.0.1:{env_of(name)['PORT']}"


def free_port():
    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        return s.getsockname()[1]


def pid_of(name):
    return int(open(f"{RUN}/pids/{name}.pid").read())


def cpu_us(pid):
    """CPU time of a process, all its threads, in microseconds. schedstat is
    in nanoseconds and has no tick error, but is per thread."""
    total = 0
    for tid in os.listdir(f"/proc/{pid}/task"):
        try:
            total += int(open(f"/proc/{pid}/task/{tid}/schedstat")
                         .read().split()[0])
        except OSError:
            pass
    return total // 1000


def pss_kib(pid):
    for line in open(f"/proc/{pid}/smaps_rollup"):
        if line.startswith("Pss:"):
            return int(line.split()[1])
    return 0


def call(place, method, path, body=None):
    conn = http.client.HTTPConnection(place, timeout=20)
    headers = {}
    if body is not None:
        body = json.dumps(body)
        headers["Content-Type"] = "application/json"
    conn.request(method, path, body, headers)
    answer = conn.getresponse()
    data = answer.read()
    conn.close()
    return answer.status, json.loads(data) if data else None


def wait_port(port, seconds=15):
    end = time.time() + seconds
    while time.time() < end:
        try:
            socket.create_connection(("127.0.0.1", port)).close()
            return
        except OSError:
            time.sleep(0.02)
    raise SystemExit(f"bench: nothing listens on {port}")


def med(values):
    return statistics.median(values)


def table(head, rows):
    print("| " + " | ".join(head) + " |")
    print("|" + "---|" * len(head))
    for row in rows:
        print("| " + " | ".join(str(c) for c in row) + " |")
    print(flush=True)


# ---- carts --------------------------------------------------------------

def make_carts(count, lines):
    _, page = call(where("catalog"), "GET", "/api/catalog/products?limit=100")
    skus = [i["sku"] for i in page["items"]][:lines]
    ids = []
    for _ in range(count):
        _, made = call(where("cart"), "POST", "/api/carts")
        for n, sku in enumerate(skus):
            call(where("cart"), "PUT", f"/api/carts/{made['id']}/items/{sku}",
                 {"quantity": n + 1})
        ids.append(made["id"])
    return ids, skus


def peers(cache):
    env = env_of("cart")
    started = []
    for name, argv in (("Go net/http + go-redis", [f"{cache}/go-peer"]),
                       ("Node Fastify + ioredis", ["node", "server.js"])):
        port = free_port()
        mine = dict(env, PORT=str(port))
        p = subprocess.Popen(argv, env=mine, cwd=cache,
                             stdout=subprocess.DEVNULL)
        wait_port(port)
        started.append((name, p, port))
    return started


def wrk(port, method, paths_file, seconds):
    out = subprocess.run(
        ["wrk", "-t1", f"-c{CONNECTIONS}", f"-d{seconds}s", "-s",
         f"{HERE}/wrk.lua", f"http://127.0.0.1:{port}"],
        env=dict(os.environ, BENCH_METHOD=method, BENCH_PATHS=paths_file),
        capture_output=True, text=True, check=True).stdout
    count = int(re.search(r"(\d+) requests in", out)[1])
    rate = float(re.search(r"Requests/sec:\s+([\d.]+)", out)[1])
    bad = re.search(r"Non-2xx or 3xx responses: (\d+)", out)
    return count, rate, int(bad[1]) if bad else 0


def one_round(port, pids, method, paths_file, seconds):
    before = {name: cpu_us(pid) for name, pid in pids.items()}
    count, rate, bad = wrk(port, method, paths_file, seconds)
    spent = {name: (cpu_us(pid) - before[name]) / count
             for name, pid in pids.items()}
    return rate, spent, bad


def check_same(sides, method, path):
    """Servers that do not say the same do not do the same work."""
    body = {"quantity": 3} if method == "PUT" else None
    said = [call(f"127.0.0.1:{port}", method, path, body)
            for _, _, port in sides]
    for _, answer in said:  # the order of lines is no part of the contract
        answer.get("items", []).sort(key=lambda line: line["sku"])
    for name, answer in zip((s[0] for s in sides), said):
        if answer[0] != 200 or answer != said[0]:
            raise SystemExit(f"bench: {name} answers {method} with {answer}, "
                             f"{sides[0][0]} with {said[0]}")


def carts(cache):
    ids, skus = make_carts(200, 5)
    started = peers(cache)
    try:
        cart_rounds(cache, started, ids, skus)
    finally:
        for _, p, _ in started:
            p.terminate()
            p.wait()


def cart_rounds(cache, started, ids, skus):
    sides = [("Bodega cart", pid_of("cart"), int(env_of("cart")["PORT"]))]
    sides += [(name, p.pid, port) for name, p, port in started]
    shared = {"redis": pid_of("redis"), "catalog": pid_of("catalog")}
    for title, method, paths in (
            ("Cart read: GET of a cart of 5 lines", "GET",
             [f"/api/carts/{i}" for i in ids]),
            ("Cart add: PUT of one line", "PUT",
             [f"/api/carts/{i}/items/{skus[0]}" for i in ids])):
        paths_file = f"{cache}/paths"
        with open(paths_file, "w") as f:
            f.write("\n".join(paths) + "\n")
        check_same(sides, method, paths[0])
        results = {name: [] for name, _, _ in sides}
        for name, pid, port in sides:  # warm-up: 2 s, JITs need more
            wrk(port, method, paths_file, 4 if "Node" in name else 2)
        for _ in range(ROUNDS):
            for name, pid, port in sides:
                results[name].append(one_round(
                    port, dict(shared, own=pid), method, paths_file, SECONDS))
        report_carts(title, results)


def report_carts(title, results):
    base_rate = base_cpu = None
    rows = []
    for name, rounds in results.items():
        rate = med([r[0] for r in rounds])
        own = med([r[1]["own"] for r in rounds])
        every = med([sum(r[1].values()) for r in rounds])
        bad = sum(r[2] for r in rounds)
        base_rate = base_rate or rate
        base_cpu = base_cpu or every
        rows.append((name, f"{rate:,.0f}", f"{own:.1f}", f"{every:.1f}",
                     f"{base_rate / rate:.2f}", f"{every / base_cpu:.2f}",
                     bad))
    print(f"### {title}, {CONNECTIONS} connections\n")
    table(("server", "requests/s", "own CPU-us/request",
           "CPU-us/request of all processes", "Bodega's requests/s ÷ its",
           "its CPU ÷ Bodega's", "failed"), rows)


# ---- checkout -------------------------------------------------------------

def receive(skus, quantity):
    token = open(f"{RUN}/secrets/admin_token").read().strip()
    conn = http.client.HTTPConnection(where("inventory"), timeout=20)
    text = "sku,quantity\n" + "".join(f"{s},{quantity}\n" for s in skus)
    conn.request("POST", f"/api/admin/stock/import?reference={uuid.uuid4()}",
                 text, {"Content-Type": "text/csv",
                        "Authorization": "Bearer " + token})
    if conn.getresponse().status != 200:
        raise SystemExit("bench: the stock could not be received")


def pg_env(url):
    """libpq's variables from a URL: the password stays out of the arguments."""
    u = urllib.parse.urlsplit(url)
    return {"PGHOST": u.hostname, "PGPORT": str(u.port), "PGUSER": u.username,
            "PGPASSWORD": u.password, "PGDATABASE": u.path[1:],
            "PGOPTIONS": "-c search_path=inventory,order,payment,checkout,"
                         "relay"}


def pgbench(skus):
    url = open(f"{RUN}/secrets/database_admin_url").read().strip()
    binary = sorted(glob.glob("/usr/lib/postgresql/*/bin/pgbench"))[-1]
    out = subprocess.run(
        [binary, "-n", "-f", f"{HERE}/checkout.sql", "-c16", "-j1",
         f"-T{SECONDS}", "-M", "prepared",
         *(f"-D{n}={s}" for n, s in zip("abc", skus))],
        env=dict(os.environ, **pg_env(url)), capture_output=True, text=True)
    found = re.search(r"tps = ([\d.]+)", out.stdout)
    if not found:
        raise SystemExit("bench: pgbench: " + out.stderr[-400:])
    return float(found[1])


def checkout_rate(paths_file):
    out = subprocess.run(
        ["wrk", "-t1", "-c16", f"-d{SECONDS}s", "-s", f"{HERE}/checkout.lua",
         f"http://{where('checkout')}"],
        env=dict(os.environ, BENCH_PATHS=paths_file,
                 BENCH_RUN=str(uuid.uuid4())),
        capture_output=True, text=True, check=True).stdout
    bad = re.search(r"Non-2xx or 3xx responses: (\d+)", out)
    count = int(re.search(r"(\d+) requests in", out)[1])
    return (float(re.search(r"Requests/sec:\s+([\d.]+)", out)[1]), count,
            int(bad[1]) if bad else 0)


ORDER_PATH = ("checkout", "cart", "catalog", "inventory", "order", "payment",
              "relay", "redis", "nats", "sim")


def checkouts(cache):
    ids, skus = make_carts(100, 3)
    receive(skus, 1000000)
    paths_file = f"{cache}/carts"
    with open(paths_file, "w") as f:
        f.write("\n".join(ids) + "\n")
    rates, floors, spent, bad = [], [], [], 0
    checkout_rate(paths_file)
    for _ in range(ROUNDS):
        pids = {n: pid_of(n) for n in ORDER_PATH
                if os.path.exists(f"{RUN}/pids/{n}.pid")}
        before = {n: cpu_us(p) for n, p in pids.items()}
        rate, count, failed = checkout_rate(paths_file)
        spent.append({n: (cpu_us(p) - before[n]) / count
                      for n, p in pids.items()})
        rates.append(rate)
        bad += failed
        time.sleep(3)  # let relay and consumers finish before the floor
        floors.append(pgbench(skus))
    print("### Checkout: 3 lines, 16 connections, payment page at the "
          "simulator\n")
    table(("checkouts/s", "pgbench of the same statements, 16 clients",
           "ratio", "failed"),
          [(f"{med(rates):,.0f}", f"{med(floors):,.0f}",
            f"{med(rates) / med(floors):.2f}", bad)])
    table(("process", "CPU-us per checkout"),
          [(n, f"{med([s[n] for s in spent]):,.0f}") for n in spent[0]])


# ---- start, memory ----------------------------------------------------------

def first_answer_ms(argv, env, port, path="/healthz", runs=25, cwd=None):
    request = f"GET {path} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n"
    times = []
    pss = 0
    for _ in range(runs):
        start = time.perf_counter()
        p = subprocess.Popen(argv, env=env, cwd=cwd, close_fds=False,
                             stdout=subprocess.DEVNULL,
                             stderr=subprocess.DEVNULL)
        while True:
            s = socket.socket()
            try:
                s.connect(("127.0.0.1", port))
                s.sendall(request.encode())
                if s.recv(16).startswith(b"HTTP/1.1 200"):
                    break
            except OSError:
                pass
            finally:
                s.close()
            if p.poll() is not None:
                raise SystemExit(f"bench: {argv[0]} ended by itself")
        times.append((time.perf_counter() - start) * 1000)
        time.sleep(0.3)
        pss = pss_kib(p.pid)
        p.send_signal(signal.SIGKILL)
        p.wait()
        time.sleep(0.02)
    return times, pss


def starts(cache, functions):
    rows = []
    port = free_port()
    base = dict(os.environ, PORT=str(port))
    for name, argv in (("static C, one fixed answer", [f"{cache}/static"]),
                       ("Go net/http + go-redis", [f"{cache}/go-peer"]),
                       ("Node Fastify + ioredis", ["node", "server.js"])):
        env = base if "static" in name else dict(env_of("cart"), **base)
        times, pss = first_answer_ms(argv, env, port, cwd=cache)
        rows.append((name, f"{med(times):.2f}", f"{min(times):.2f}",
                     f"{max(times):.2f}", f"{pss:,}", "", ""))
    for fn in functions:
        env = dict(env_of(fn), PORT=str(port))
        times, pss = first_answer_ms([f"{BIN}/{fn}"], env, port)
        size = os.path.getsize(f"{BIN}/{fn}")
        rows.append((fn, f"{med(times):.2f}", f"{min(times):.2f}",
                     f"{max(times):.2f}", f"{pss:,}",
                     f"{pss_kib(pid_of(fn)):,}", f"{size // 1024:,}"))
    print("### exec to first 200 (25 starts each), memory\n")
    table(("program", "median ms", "min", "max",
           "Pss KiB 0.3 s after the first answer",
           "Pss KiB in the running shop, after the load above",
           "file KiB"), rows)


# ---- syscalls and instructions -------------------------------------------

def burst(port, method, path, count):
    """`count` requests over one kept connection; the server does exactly that
    and nothing else, so two bursts of different size give the cost of one."""
    conn = http.client.HTTPConnection("127.0.0.1", port, timeout=120)
    for n in range(count):
        body = json.dumps({"quantity": n % 9 + 1}) if method == "PUT" else None
        head = {"Content-Type": "application/json"} if body else {}
        conn.request(method, path, body, head)
        conn.getresponse().read()
    conn.close()


def syscalls(method, path):
    pid, port = pid_of("cart"), int(env_of("cart")["PORT"])
    counts = []
    for n in (200, 1200):
        p = subprocess.Popen(["strace", "-f", "-c", "-p", str(pid)],
                             stderr=subprocess.PIPE, text=True)
        time.sleep(0.5)
        burst(port, method, path, n)
        p.send_signal(signal.SIGINT)
        out = p.communicate()[1]
        total = [l for l in out.splitlines() if l.endswith("total")]
        counts.append(int(total[0].split()[3]) if total else 0)
    return (counts[1] - counts[0]) / 1000


def instructions(method, path):
    port = free_port()
    env = dict(env_of("cart"), PORT=str(port))
    counts = []
    for n in (100, 600):
        out = f"{RUN}/callgrind.out"
        p = subprocess.Popen(["valgrind", "--tool=callgrind",
                              f"--callgrind-out-file={out}", f"{BIN}/cart"],
                             env=env, stdout=subprocess.DEVNULL,
                             stderr=subprocess.PIPE, text=True)
        wait_port(port, 60)
        burst(port, method, path, n)
        p.terminate()
        text = p.communicate(timeout=60)[1]
        counts.append(int(re.search(r"Collected : (\d+)", text)[1]))
        os.unlink(out)
    return (counts[1] - counts[0]) / 500


def costs():
    ids, skus = make_carts(1, 5)
    rows = []
    for title, method, path in (
            ("cart read", "GET", f"/api/carts/{ids[0]}"),
            ("cart add", "PUT", f"/api/carts/{ids[0]}/items/{skus[0]}"),
            ("healthz", "GET", "/healthz")):
        rows.append((title, f"{syscalls(method, path):.2f}",
                     f"{instructions(method, path):,.0f}"))
    print("### One request of cart, one kept connection, one at a time\n")
    table(("request", "syscalls (strace -c, difference of two bursts)",
           "instructions (callgrind, difference of two bursts)"), rows)


def machine():
    cpu = re.search(r"model name\s*:\s*(.*)", open("/proc/cpuinfo").read())[1]
    mem = int(re.search(r"MemTotal:\s+(\d+)",
                        open("/proc/meminfo").read())[1]) // 1048576
    print(f"Machine: {os.cpu_count()} cores ({cpu}), {mem} GiB, "
          f"Linux {os.uname().release}; client, servers, Redis and Postgres "
          f"share it. {time.strftime('%Y-%m-%d')}.\n")


def main():
    cache = sys.argv[1]
    functions = sorted(os.listdir(BIN))
    machine()
    carts(cache)
    checkouts(cache)
    starts(cache, functions)
    costs()


if __name__ == "__main__":
    main()
