# SPDX-License-Identifier: Apache-2.0
"""The neighbours of the demo's `mixed` all at once, for half an hour: memory, threads and descriptors
do not grow, and whoever checks the answers meanwhile finds none wrong. DRAMA_SOAK_SECONDS: how long."""
import hashlib
import json
import os
import random
import resource
import shutil
import statistics
import subprocess
import tempfile
import threading
import time
import unittest

import service

SECONDS = int(os.environ.get("DRAMA_SOAK_SECONDS", "1800"))
SAMPLES = 60
NEIGHBOURS = (("hog", "GET", "/hog?ms=20", 16), ("blocking", "GET", "/block?ms=50", 500),
              ("flood", "GET", "/echo?bytes=64", 64), ("compute", "GET", "/compute?us=20000", 16),
              ("storm", "POST", "/spawn?n=1000000&us=1", 1), ("fsync", "POST", "/churn?mib=1", 64))


class Neighbours:
    """A load generator for each; they stop with the block."""

    def __init__(self, server):
        self.processes = {
            name: subprocess.Popen(
                [service.PROGRAM, "load", "--url", f"127.0.0.1:{server.port}", "--method", method,
                 "--path", path, "--tenant", name, "--connections", str(connections), "--arrivals",
                 "closed", "--timeout-ms", "120000", "--seconds", str(SECONDS), "--json", "--quiet"],
                stdout=subprocess.PIPE, text=True)
            for name, method, path, connections in NEIGHBOURS}

    def __enter__(self):
        return self

    def __exit__(self, *_):
        for each in self.processes.values():
            each.kill()
            each.wait()
            each.stdout.close()

    def reports(self):
        return {name: json.loads(each.communicate(timeout=300)[0])["total"]
                for name, each in self.processes.items()}


class Checker(threading.Thread):
    """Asks for what it can check, a few times a second, until it is told to stop."""

    def __init__(self, server, seed):
        super().__init__()
        self.server, self.random, self.name = server, random.Random(seed), f"checker{seed}"
        self.checked, self.wrong, self.over = 0, [], threading.Event()

    def run(self):
        with self.server.connect(timeout=120) as connection:
            while not self.over.wait(0.1):
                for check in (self.echo, self.hash, self.file):
                    answer, right = check(connection)
                    self.checked += 1
                    if answer.status not in (200, 201, 204) or answer.body != right:
                        self.wrong.append((check.__name__, answer.status, answer.body[:100]))

    def echo(self, connection):
        size = self.random.randrange(2000)
        return connection.ask(f"/echo?bytes={size}", Drama_Tenant=self.name), b"x" * size

    def hash(self, connection):
        body = self.random.randbytes(5000)
        answer = connection.ask("/hash", "POST", body, Drama_Tenant=self.name)
        answer.body = answer.body.strip()
        return answer, hashlib.sha256(body).hexdigest().encode()

    def file(self, connection):
        body = self.random.randbytes(3000)
        stored = connection.ask("/files/x", "PUT", body, Drama_Tenant=self.name)
        if stored.status // 100 != 2:
            return stored, b""
        return connection.ask("/files/x", Drama_Tenant=self.name), body


def usage(server):
    with open(f"/proc/{server.pid}/status") as file:
        memory = next(int(line.split()[1]) for line in file if line.startswith("VmRSS"))
    return (memory, len(os.listdir(f"/proc/{server.pid}/task")),
            len(os.listdir(f"/proc/{server.pid}/fd")))


class MixedSoak(unittest.TestCase):
    def test_nothing_grows_and_no_answer_is_wrong(self):
        limit = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
        resource.setrlimit(resource.RLIMIT_NOFILE, (limit, limit))
        folder = tempfile.mkdtemp(prefix="drama_mixed_")
        self.addCleanup(shutil.rmtree, folder, ignore_errors=True)
        seen = []
        with service.Server("--data", folder) as server:
            checkers = [Checker(server, seed) for seed in range(3)]
            with Neighbours(server) as neighbours:
                for each in checkers:
                    each.start()
                for _ in range(SAMPLES):
                    time.sleep(SECONDS / SAMPLES)
                    seen.append(usage(server))
                for each in checkers:
                    each.over.set()
                    each.join(300)
                reports = neighbours.reports()
        for name, report in reports.items():
            print(f"{name}: {report['answered']} answered, errors {report['errors']}")
        checked = sum(each.checked for each in checkers)
        wrong = [each for checker in checkers for each in checker.wrong]
        fifth = SAMPLES // 5
        for index, (what, part, slack) in enumerate((("memory, KiB", 1.1, 8192), ("threads", 1, 16),
                                                     ("descriptors", 1, 16))):
            before = statistics.median(each[index] for each in seen[fifth:2 * fifth])
            after = statistics.median(each[index] for each in seen[-fifth:])
            most = max(each[index] for each in seen)
            print(f"{what}: {before:.0f} in the second fifth, {after:.0f} in the last, most {most}")
            self.assertLessEqual(after, before * part + slack, what)
        print(f"{checked} answers checked, {len(wrong)} wrong {wrong[:5]}")
        self.assertGreater(checked, SECONDS)
        self.assertEqual(wrong, [])


service.main()
