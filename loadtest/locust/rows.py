"""rows - every request as a CSV row that report.py reads:
time (seconds since 1970, at the answer),name,ms,status,item,phase"""
import csv
import time


def write(environment, path):
    """Write a row per request of this run; returns the function that ends
    the file."""
    file = open(path, "w", encoding="utf-8", newline="")
    out = csv.writer(file, lineterminator="\n")
    out.writerow(("time", "name", "ms", "status", "item", "phase"))

    def on_request(name, response_time, response, context, **_more):
        status = getattr(response, "status_code", 0) or 0
        out.writerow((f"{time.time():.3f}", name, f"{response_time:.3f}",
                      status, context.get("item", ""),
                      context.get("phase", "")))

    environment.events.request.add_listener(on_request)
    return file.close
