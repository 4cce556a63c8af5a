"""chart - what the Helm chart knows of the functions.

A person may change little about a function: that goes into values.yaml,
between two marks. What the binary simply is (routes, topics, settings) goes
into files/functions.json, which the templates read and nobody sets.
"""
import json
import re

BEGIN = "  # ---- written by `make gen` from the functions' tables: begin\n"
END = "  # ---- written by `make gen`: end\n"

# Set by the chart itself, from values that are not one function's.
OWN = {"PORT", "HOST", "ROLE", "PUBLIC_URL", "LOG_LEVEL", "OTLP_URL", "BUS", "BUS_URL",
       "REDIS_URL", "DEAD_GROUPS", "STRIPE_API_BASE", "SMTP_URL", "SMTP_USER",
       "SMTP_PASSWORD_FILE", "MAIL_FROM", "MAIL_FROM_NAME"}
PARTITIONS = 8  # of every topic: more consumers of one group would be idle


def settings(function):
    """Non-secret settings with the defaults of the source."""
    return {row["env"]: row["default"] for row in function["config"]
            if row["kind"] != "secret" and row.get("default") is not None}


def facts(function):
    return {
        "help": function["help"],
        "uses": function["uses"],
        "routes": [{key: route[key] for key in ("method", "path", "auth")}
                   for route in function["routes"]],
        "streams": any(route["stream"] for route in function["routes"]),
        "wait_s": -(-max((route["timeout_ms"] for route in function["routes"]),
                         default=0) // 1000),
        "subscribes": [event["topic"] for event in function["consumes"]],
        "emits": [event["topic"] for event in function["emits"]],
        "jobs": [job["name"] for job in function["jobs"]],
        "calls": function["calls"],
        "config": settings(function),
        "secrets": sorted(row["env"].lower() for row in function["config"]
                          if row["kind"] == "secret"),
    }


def scale(function):
    """At how much a further pod is started, and how many there may be. Staff
    alone never need a second one; the rest is bounded by the connections
    PostgreSQL allows, which the chart adds up."""
    streams = any(route["stream"] for route in function["routes"])
    staff = all(route["auth"] == "admin" for route in function["routes"])
    most = 1 if staff else 5 if "postgres" in function["uses"] else 10
    return {"max": most, "metric": "concurrency" if streams else "rps",
            "target": 1000 if streams else 300}


def remarks(rows, indent):
    return [f"{indent}# {row['env']} ({row['default']}): {row['help']}"
            for row in rows]


def rows(function):
    """The settings that a person may want to change."""
    not_these = OWN | {name.upper() + "_URL" for name in function["calls"]}
    return [row for row in function["config"]
            if row["kind"] != "secret" and row["env"] not in not_these]


def shared(functions):
    """What every function has is said once."""
    return [row for row in rows(functions[0])
            if all(row in function["config"] for function in functions)]


def entry(function, said, due):
    lines = [f"  {function['name']}: # {function['help']}"]
    lines += remarks((row for row in rows(function) if row not in said),
                     "    ")
    lines.append("    env: {}")
    if function["routes"]:
        lines.append("    scale:")
        lines += [f"      {key}: {value}"
                  for key, value in scale(function).items()]
    if function["consumes"] or function["name"] in due:
        lines += ["    worker:", f"      max: {PARTITIONS}"]
    return "\n".join(lines) + "\n"


def values(text, due, functions):
    """values.yaml with what is between the marks written anew. `due` is the
    text of files/due.yaml: a function with work that nobody sends has workers
    too; other jobs are housekeeping beside requests."""
    due = set(re.findall(r"^(\w+):", due, re.M))
    head, _, rest = text.partition(BEGIN)
    _, _, tail = rest.partition(END)
    said = shared(functions)
    lines = ["  # Settings (env) of every function, with their defaults:",
             *remarks(said, "  ")]
    return "".join((head, BEGIN, "\n".join(lines), "\n",
                    *(entry(function, said, due) for function in functions),
                    END, tail))


def render(functions):
    return json.dumps({function["name"]: facts(function)
                       for function in functions}, indent=1) + "\n"
