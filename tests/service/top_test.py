# SPDX-License-Identifier: Apache-2.0
"""`drama top`: one look as JSON and as a table while tenants are busy, and the screen in a terminal
of its own, which draws, sorts, pauses and gives the terminal back."""
import fcntl
import json
import os
import pty
import re
import select
import struct
import subprocess
import termios
import threading
import time
import unittest

import service

FLAGS = ["--workers", "1", "--blocking-max", "2"]


class Busy:
    """`count` connections that ask for `target` again and again for `tenant`, until the end."""

    def __init__(self, server, tenant, target, count):
        self.over = False
        self.threads = [threading.Thread(target=self.run, args=(server, tenant, target))
                        for _ in range(count)]
        for thread in self.threads:
            thread.start()

    def run(self, server, tenant, target):
        with server.connect() as connection:
            while not self.over:
                connection.ask(target, Drama_Tenant=tenant)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.over = True
        for thread in self.threads:
            thread.join()


def top(server, *flags, status=0):
    done = subprocess.run(
        [service.PROGRAM, "top", "--admin", f"127.0.0.1:{server.admin_port}", *flags],
        capture_output=True, text=True, timeout=30, check=False)
    if done.returncode != status:
        raise AssertionError(f"status {done.returncode}: {done.stdout} {done.stderr}")
    return done.stdout or done.stderr


class Terminal:
    """A process whose terminal is ours."""

    def __init__(self, *command):
        self.pid, self.fd = pty.fork()
        if self.pid == 0:
            os.environ["TERM"] = "xterm"
            os.execv(command[0], command)
        fcntl.ioctl(self.fd, termios.TIOCSWINSZ, struct.pack("HHHH", 24, 160, 0, 0))
        self.seen = b""

    def wait_for(self, pattern, timeout=20):
        """What came until the pattern did, without it."""
        end = time.monotonic() + timeout
        while True:
            found = re.search(pattern, self.seen)
            if found:
                before, self.seen = self.seen[:found.start()], self.seen[found.end():]
                return before
            if not select.select([self.fd], [], [], max(0, end - time.monotonic()))[0]:
                raise AssertionError(f"no {pattern!r} in {self.seen!r}")
            try:
                self.seen += os.read(self.fd, 65536)
            except OSError as error:
                raise AssertionError(f"ended without {pattern!r}: {self.seen!r}") from error

    def press(self, key):
        os.write(self.fd, key)

    def status(self):
        _, status = os.waitpid(self.pid, 0)
        os.close(self.fd)
        return os.waitstatus_to_exitcode(status)


class Top(unittest.TestCase):
    def test_once_tells_who_is_busy_and_who_waits(self):
        with service.Server(*FLAGS) as server, Busy(server, "cruncher", "/compute?us=5000", 4), \
                Busy(server, "sleeper", "/block?ms=100", 8):
            view = json.loads(top(server, "--once", "--json"))
            deep = json.loads(top(server, "--once", "--json", "--sort", "depth",
                                  "--interval-ms", "250"))
        self.assertEqual(view["schema"], "drama.top/1")
        self.assertAlmostEqual(view["seconds"], 1, delta=0.5)
        rows = {row["tenant"]: row for row in view["tenants"]}
        self.assertEqual(view["tenants"][0]["tenant"], "cruncher")
        cores = [row["cpu_cores"] for row in view["tenants"]]
        self.assertEqual(cores, sorted(cores, reverse=True))
        self.assertGreater(rows["cruncher"]["cpu_share"], 0.5)
        self.assertAlmostEqual(sum(row["cpu_share"] for row in view["tenants"]), 1, places=3)
        # Two threads, eight who want to sleep: six of them queue.
        self.assertEqual(rows["sleeper"]["depth"]["blocking"], 6)
        self.assertEqual(rows["sleeper"]["tasks"], 8)
        self.assertAlmostEqual(rows["sleeper"]["wait_s_per_s"], 6, delta=2.5)
        self.assertAlmostEqual(rows["sleeper"]["tasks_ended_per_s"], 20, delta=8)
        self.assertEqual(deep["tenants"][0]["tenant"], "sleeper")
        self.assertEqual(deep["sort"], "depth")
        levels = view["runtime"]["saturation"]
        self.assertEqual(set(levels["resources"]), {"cpu", "blocking", "disk", "net", "memory"})
        self.assertIn(levels["cause"], levels["resources"])
        self.assertEqual(view["runtime"]["depth"]["blocking"], 6)
        self.assertGreaterEqual(view["runtime"]["blocking_threads"], 2)

    def test_once_prints_a_table(self):
        with service.Server() as server, Busy(server, "n\u00e9me", "/echo", 2):
            lines = top(server, "--once", "--interval-ms", "250").splitlines()
        self.assertIn(f"drama top  127.0.0.1:{server.admin_port}", lines[0])
        self.assertIn("saturation", lines[2])
        self.assertEqual(lines[4].split()[:4], ["TENANT", "WT", "CPU", "SHARE"])
        self.assertEqual(lines[5].split()[0], "n??me")
        self.assertEqual(len(lines), 5 + 4)  # with system, unidentified and shared

    def test_the_server_sorts_over_a_window(self):
        with service.Server(*FLAGS) as server, Busy(server, "cruncher", "/compute?us=5000", 4), \
                Busy(server, "sleeper", "/block?ms=100", 8):
            self.ask(server, "?window=1")  # looks once a second from now on
            time.sleep(3)
            deep = self.ask(server, "?sort=depth&top=1&window=2")
            busy = self.ask(server, "?window=2")
            view = json.loads(top(server, "--once", "--json", "--sort", "blocking",
                                  "--window", "2", "--interval-ms", "250"))
            wrong = server.get("/debug/tenants?sort=size", port=server.admin_port)
            metrics = server.get("/metrics", port=server.admin_port).text
            self.assertIn("--window", top(server, "--window", "61", status=2))
        self.assertEqual([row["name"] for row in deep["tenants"]], ["sleeper"])
        self.assertEqual((deep["sort"], busy["sort"]), ("depth", "cpu"))
        self.assertEqual(busy["tenants"][0]["name"], "cruncher")
        # Two threads that sleep all the time; the window ends now and takes whole samples.
        self.assertGreaterEqual(deep["window_ns"], 1.9e9)
        self.assertLess(deep["window_ns"], 3.5e9 * (5 if service.SANITIZED else 1))
        held = deep["tenants"][0]["window"]["blocking_ns"] / deep["window_ns"]
        self.assertAlmostEqual(held, 2, delta=0.5)
        self.assertEqual(view["tenants"][0]["tenant"], "sleeper")
        self.assertGreaterEqual(view["seconds"], 1.9)
        self.assertAlmostEqual(view["tenants"][0]["blocking_threads"], 2, delta=0.5)
        # One tenant wants all CPU that it can get, the other hardly any.
        rows = {row["tenant"]: row for row in view["tenants"]}
        self.assertAlmostEqual(rows["cruncher"]["satisfaction"], 1, delta=0.1)
        self.assertIn("satisfaction", busy["tenants"][0]["window"])
        fair = view["runtime"]["fairness"]
        self.assertGreaterEqual(fair["tenants"], 1)
        self.assertGreater(fair["jain"], 0.9)
        self.assertEqual(fair["victims"], 0)
        self.assertRegex(metrics, r"drama_fairness_jain_ratio (1|0\.9\d*)\n")
        self.assertRegex(metrics, r'drama_tenant_satisfaction_ratio{tenant="cruncher"} \S+\n')
        self.assertEqual(wrong.status, 400)
        self.assertEqual(wrong.text, "sort 'size' is none of cpu, compute, wait, throttled, "
                         "blocking, disk, io, depth, lag, oldest, tasks, satisfaction\n")

    @staticmethod
    def ask(server, query):
        return json.loads(server.get("/debug/tenants" + query, port=server.admin_port).text)

    def test_the_screen_draws_sorts_pauses_and_quits(self):
        with service.Server(*FLAGS) as server, Busy(server, "sleeper", "/block?ms=100", 8):
            screen = Terminal(service.PROGRAM, "top", "--admin",
                              f"127.0.0.1:{server.admin_port}", "--interval-ms", "250")
            screen.wait_for(rb"drama top")
            screen.wait_for(rb"over .*by cpu")
            screen.wait_for(rb"TENANT")
            screen.wait_for(rb"sleeper")
            screen.wait_for(rb"q quit")
            screen.press(b"d")
            screen.wait_for(rb"depth")
            screen.press(b" ")
            screen.wait_for(rb"paused")
            screen.press(b"q")
            screen.wait_for(rb"\x1b\[\?1049l")  # the terminal is as it was
            self.assertEqual(screen.status(), 0)

    def test_what_cannot_be_shown_is_told(self):
        with service.Server() as server:
            self.assertIn("--json needs --once", top(server, "--json", status=2))
            self.assertIn("no terminal", top(server, status=1))
            server.admin_port = server.port
            self.assertIn("status 404", top(server, "--once", status=1))
        self.assertIn("Connection refused", top(server, "--once", status=1))


service.main()
