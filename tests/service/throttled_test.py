# SPDX-License-Identifier: Apache-2.0
"""Beside a busy neighbour, `drama top --once --json` names it as heaviest in the resource that it
takes, and as throttled, by what, and for the victim's sake; `drama explain` says the same in words,
and the server counted what the load generator did."""
import json
import subprocess
import tempfile
import time
import unittest

import service

SECONDS = 3


class Load:
    """`drama load` for one tenant, in a process of its own."""

    def __init__(self, server, tenant, *flags):
        self.process = subprocess.Popen(
            [service.PROGRAM, "load", "--url", f"127.0.0.1:{server.port}", "--json", "--quiet",
             "--tenant", tenant, "--seconds", str(SECONDS), "--timeout-ms", "20000", *flags],
            stdout=subprocess.PIPE, text=True)

    def answered(self):
        text, _ = self.process.communicate(timeout=60)
        group = json.loads(text)["groups"][0]
        if group["errors"]["status"] or self.process.returncode != 0:
            raise AssertionError(text)
        return group["answered"], group["unfinished"]


def look(server, *arguments):
    done = subprocess.run(
        [service.PROGRAM, *arguments, "--admin", f"127.0.0.1:{server.admin_port}"],
        capture_output=True, text=True, timeout=30, check=True)
    return done.stdout


def operations(server, tenant):
    rows = json.loads(server.get("/debug/tenants", port=server.admin_port).text)["tenants"]
    return next(row for row in rows if row["name"] == tenant)


class Throttled(unittest.TestCase):
    def beside(self, flags, neighbour, victim):
        """One look in the middle, as top and explain tell it; then what was counted."""
        with service.Server(*flags) as server:
            loads = [Load(server, "neighbour", *neighbour),
                     Load(server, "victim", *victim, "--rate", "200", "--arrivals", "fixed")]
            time.sleep(0.5)
            began = time.monotonic()
            view = json.loads(look(server, "top", "--once", "--json", "--sort", "throttled"))
            self.assertLess(time.monotonic() - began, 3 * (5 if service.SANITIZED else 1))
            words = look(server, "explain", "neighbour", "--interval-ms", "500")
            for load, tenant in zip(loads, ("neighbour", "victim")):
                answered, unfinished = load.answered()
                counted = operations(server, tenant)["operations"]
                self.assertGreater(answered, 0)
                # What the generator gave up at its end may have been answered all the same.
                self.assertGreaterEqual(counted["send"]["count"], answered)
                self.assertLessEqual(counted["send"]["count"], answered + unfinished)
        return view, words

    def expect(self, view, words, dimension, queue, causes):
        self.assertEqual(view["heaviest"][dimension]["tenant"], "neighbour", view["heaviest"])
        self.assertGreater(view["heaviest"][dimension]["share"], 0.5)
        self.assertEqual(view["heaviest"]["throttled"]["tenant"], "neighbour", view["heaviest"])
        row = next(row for row in view["tenants"] if row["tenant"] == "neighbour")
        self.assertGreater(row["throttled_s_per_s"], 0)
        worst = next(hold for hold in row["holds"] if hold["throttled"])
        self.assertEqual(worst["queue"], queue, row["holds"])
        self.assertIn(worst["cause"], causes, row["holds"])
        self.assertEqual(row["beneficiaries"][0]["tenant"], "victim", row["beneficiaries"])
        self.assertTrue(words.startswith("neighbour: "), words)
        self.assertIn("meanwhile  victim was served", words)

    def test_a_flood_of_requests(self):
        view, words = self.beside(
            [], ["--path", "/echo?bytes=64", "--connections", "64"], ["--path", "/echo?bytes=64"])
        self.expect(view, words, "cpu", "async", ["ahead_of_share"])

    def test_long_computations(self):
        view, words = self.beside(
            [], ["--path", "/compute?us=20000", "--connections", "16"],
            ["--path", "/echo?bytes=64"])
        self.expect(view, words, "cpu", "compute", ["ahead_of_share"])
        self.assertEqual(view["heaviest"]["compute"]["tenant"], "neighbour")
        self.assertIn("throttled in compute by ahead_of_share", words)
        self.assertIn("do         its functions want more CPU than its share", words)

    def test_blocking_calls_that_take_all_threads(self):
        view, words = self.beside(
            ["--blocking-max", "8"], ["--path", "/block?ms=50", "--connections", "100"],
            ["--path", "/block?ms=1"])
        self.expect(view, words, "blocking", "blocking", ["kept_thread"])
        self.assertIn("throttled in blocking by kept_thread", words)
        # The flood of decisions: a function of it began, and those behind it were passed by.
        self.assertRegex(words, r"decided    \S+ \S+ ago, blocking: picked after \S+ \S+, owed ")
        self.assertRegex(words, r"decided    .* blocking: held for .* by kept_thread")

    def test_writes_that_are_synced(self):
        with tempfile.TemporaryDirectory() as folder:
            view, words = self.beside(
                ["--data", folder],
                ["--path", "/churn?mib=1", "--method", "POST", "--connections", "64"],
                ["--path", "/files/x", "--method", "PUT", "--body-bytes", "4096"])
        self.expect(view, words, "disk", "disk", ["ahead_of_share", "unsynced_bytes"])

    def test_explain_as_json_and_what_it_refuses(self):
        with service.Server() as server:
            load = Load(server, "busy", "--path", "/echo", "--connections", "4")
            time.sleep(0.3)
            told = json.loads(look(server, "explain", "busy", "--json", "--interval-ms", "300"))
            load.answered()
            missing = subprocess.run(
                [service.PROGRAM, "explain", "nobody", "--interval-ms", "50", "--admin",
                 f"127.0.0.1:{server.admin_port}"],
                capture_output=True, text=True, timeout=30, check=False)
            alone = server.get("/debug/tenants/nobody", port=server.admin_port)
        self.assertEqual(len(told["decisions"]), 64)
        ages = [each["ago_ns"] for each in told["decisions"]]
        self.assertEqual(ages, sorted(ages))
        self.assertIn("picked", {each["decision"] for each in told["decisions"]})
        self.assertEqual((alone.status, alone.text), (404, "there is no such tenant\n"))
        self.assertEqual(told["schema"], "drama.explain/1")
        self.assertEqual(told["tenant"], "busy")
        self.assertGreater(told["cpu_share"], 0.5)
        self.assertEqual(told["entitled_share"], 1)
        self.assertEqual(missing.returncode, 1)
        self.assertIn("there is no tenant nobody", missing.stderr)
        self.assertEqual(
            subprocess.run([service.PROGRAM, "explain"], capture_output=True, timeout=30,
                           check=False).returncode, 2)


service.main()
