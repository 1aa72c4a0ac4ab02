#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""What class order is worth: POST /compress of one tenant at 95 % of the measured peak, Poisson,
with --class-order on and off in turns. Requests in flight (handlers that have begun) and bytes held
(frames and input buffers of the tenant) are means over samples of /debug/tenants."""
import argparse
import http.client
import json
import re
import subprocess
import sys
import time

PROGRAM = "build/release/bin/drama"
TENANT = "packer"
WARM = 2  # seconds, in which connections have their first requests


class Server:
    def __init__(self, class_order):
        self.process = subprocess.Popen(
            [PROGRAM, "serve", "--listen", "127.0.0.1:0", "--admin", "127.0.0.1:0",
             "--class-order", class_order], stdout=subprocess.PIPE, text=True)
        self.port, self.admin = map(int, re.findall(r"http://127\.0\.0\.1:(\d+)",
                                                    self.process.stdout.readline()))

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.process.terminate()
        self.process.wait(20)
        self.process.stdout.close()


def load(server, options, *flags):
    return subprocess.Popen(
        [PROGRAM, "load", "--url", f"127.0.0.1:{server.port}", "--json", "--quiet", "--tenant",
         TENANT, "--method", "POST", "--path", f"/compress?level={options.level}", "--body",
         "words", "--body-bytes", str(options.body_bytes), "--timeout-ms", "20000", *flags],
        stdout=subprocess.PIPE, text=True)


def finish(process):
    text, _ = process.communicate()
    if process.returncode != 0:
        sys.exit(f"drama load failed: {text}")
    return json.loads(text)["groups"][0]


def peak(options):
    with Server("off") as server:
        done = finish(load(server, options, "--connections", "64", "--seconds",
                           str(options.seconds)))
    return done["answered"] / options.seconds


def sample(connection):
    connection.request("GET", "/debug/tenants")
    rows = json.loads(connection.getresponse().read())["tenants"]
    for row in rows:
        if row["name"] == TENANT:
            return row["requests"], row["frame_bytes"] + row["buffer_bytes"]
    return None


def segment(options, class_order, rate):
    with Server(class_order) as server:
        generator = load(server, options, "--connections", str(options.connections),
                         "--connections-max", str(options.connections), "--seconds",
                         str(options.seconds + WARM), "--rate", f"{rate:.0f}", "--arrivals",
                         "poisson")
        time.sleep(WARM)
        connection = http.client.HTTPConnection("127.0.0.1", server.admin)
        idle = []
        end = time.monotonic() + options.seconds
        while time.monotonic() < end:
            seen = sample(connection)
            if seen:
                idle.append(seen)
            time.sleep(0.02)
        connection.close()
        done = finish(generator)
    return {"class_order": class_order, "offered_per_s": round(rate),
            "answered_per_s": round(done["answered"] / (options.seconds + WARM), 1),
            "in_flight": round(sum(each[0] for each in idle) / len(idle), 2),
            "bytes": round(sum(each[1] for each in idle) / len(idle)), "samples": len(idle)}


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--seconds", type=int, default=8, help="of one segment")
    parser.add_argument("--level", type=int, default=3)
    parser.add_argument("--body-bytes", type=int, default=65536)
    parser.add_argument("--connections", type=int, default=200,
                        help="all that there are: what finds none waits at the client")
    parser.add_argument("--rate", type=float, default=0, help="in place of 95 %% of the peak")
    options = parser.parse_args()
    rate = options.rate
    if not rate:
        top = peak(options)
        rate = 0.95 * top
        print(json.dumps({"peak_per_s": round(top, 1)}), flush=True)
    sums = {"on": [], "off": []}
    for _ in range(options.rounds):
        for class_order in ("off", "on"):
            row = segment(options, class_order, rate)
            sums[class_order].append(row)
            print(json.dumps(row), flush=True)

    def ratio(what):
        return round(sum(row[what] for row in sums["on"]) / sum(row[what] for row in sums["off"]), 3)

    result = {"in_flight_ratio": ratio("in_flight"), "bytes_ratio": ratio("bytes"),
              "throughput_ratio": ratio("answered_per_s")}
    result["ok"] = (result["in_flight_ratio"] <= 0.8 and result["bytes_ratio"] <= 0.8 and
                    result["throughput_ratio"] >= 0.98)
    print(json.dumps(result))
    return 0 if result["ok"] else 1


if __name__ == "__main__":
    sys.exit(main())
