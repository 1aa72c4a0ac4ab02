# SPDX-License-Identifier: Apache-2.0
"""SIGHUP: another configuration counts, whole or not at all, and nobody who is served notices."""
import json
import os
import signal
import tempfile
import threading
import time
import unittest

import service


def bearer(token):
    return {"Authorization": "Bearer " + token}


FIRST = """
drain_ms = 5000
[[tenant]]
name = "gold"
weight = 4
tokens = ["first"]
limits.requests = 1
"""


class Reload(unittest.TestCase):
    def setUp(self):
        self.folder = tempfile.TemporaryDirectory()
        self.addCleanup(self.folder.cleanup)
        self.file = os.path.join(self.folder.name, "drama.toml")

    def write(self, text):
        """As operators should: the new file takes the old one's place at once."""
        with open(self.file + ".new", "w", encoding="utf-8") as file:
            file.write(text)
        os.rename(self.file + ".new", self.file)

    def start(self, text, *flags):
        self.write(text)
        server = service.Server("--config", self.file, *flags)
        self.addCleanup(server.__exit__)
        return server

    def reload(self, server, text, says="SIGHUP: read "):
        """What the log says of it."""
        self.write(text)
        server.process.send_signal(signal.SIGHUP)
        return server.hear(says)

    def payer(self, server, **headers):
        """The tenant that a request is charged to."""
        def calls():
            seen = json.loads(server.get("/debug/tenants", server.admin_port).text)
            return {each["name"]: each["compute_calls"] for each in seen["tenants"]}
        before = calls()
        self.assertEqual(server.get("/compute?us=1", **headers).status, 200)
        return [name for name, count in calls().items() if count != before.get(name, 0)]

    def test_tokens_and_tenants_change(self):
        server = self.start(FIRST)
        self.assertEqual(self.payer(server, **bearer("first")), ["gold"])
        log = self.reload(server, "[[tenant]]\nname = 'gold'\ntokens = ['second']\n"
                                  "[[tenant]]\nname = 'new'\ntokens = ['third']\n")
        self.assertIn("2 tenants, 2 tokens", log)
        self.assertEqual(self.payer(server, **bearer("first")), ["unidentified"])
        self.assertEqual(self.payer(server, **bearer("second")), ["gold"])
        self.assertEqual(self.payer(server, **bearer("third")), ["new"])

    def test_the_first_tokens_end_the_header(self):
        server = self.start("")
        self.assertEqual(self.payer(server, Drama_Tenant="a"), ["a"])
        self.reload(server, FIRST)
        self.assertEqual(self.payer(server, Drama_Tenant="a"), ["unidentified"])
        log = self.reload(server, "")
        self.assertIn("no tokens are left", log)
        self.assertEqual(self.payer(server, Drama_Tenant="a"), ["unidentified"])

    def test_limits_change_under_requests_in_flight(self):
        server = self.start(FIRST)
        with server.connect() as slow, server.connect() as other:
            slow.send(service.request("/block?ms=2500", **bearer("first")))
            self.wait_for_blocking(server)
            got = other.ask("/echo", **bearer("first"))
            self.assertEqual((got.status, got.text), (429, "tenant_requests_max\n"))
            self.reload(server, FIRST.replace("requests = 1", "requests = 2"))
            self.assertEqual(other.ask("/echo", **bearer("first")).status, 200)
            self.reload(server, FIRST.replace('"first"', '"later"'))
            self.assertEqual(slow.read().status, 200)   # it was admitted by a token that is gone

    def test_a_wrong_file_changes_nothing_and_is_told_with_its_places(self):
        server = self.start(FIRST)
        for text, places in [
                (FIRST.replace('"first"', '"second", 7') + "wieght = 1\n",
                 [":6:21: tokens is an integer", ":8:1: unknown key 'wieght'"]),
                ("drain_ms = 1\n[[tenant]]\nname = 'gold\ntokens = ['second']", [":3:"]),
                (FIRST.replace("4", "-4"), [":5:10: weight: -4"])]:
            log = self.reload(server, text, says="SIGHUP: kept the old configuration")
            for place in places:
                self.assertIn(self.file + place, log)
            self.assertNotIn("second", log)
            self.assertEqual(self.payer(server, **bearer("first")), ["gold"])
            self.assertEqual(self.payer(server, **bearer("second")), ["unidentified"])
        os.remove(self.file)
        server.process.send_signal(signal.SIGHUP)
        self.assertIn(self.file + ": No such file", server.hear("kept the old configuration"))
        self.assertEqual(self.payer(server, **bearer("first")), ["gold"])

    def test_settings_that_need_a_restart_are_named_each_time(self):
        server = self.start("workers = 2\n" + FIRST)
        for _ in range(2):
            log = self.reload(server, "workers = 1\nio = 'epoll'\ndrain_ms = 4000\n")
            self.assertIn("workers needs a restart: it is '2', not yet '1'", log)
            self.assertIn("io needs a restart: it is 'auto', not yet 'epoll'", log)
            self.assertNotIn("drain_ms", log)
            self.assertNotIn("listen", log)     # the command line says where, as before
        self.assertNotIn("restart:", self.reload(server, "workers = 2\n" + FIRST))

    def test_how_it_drains_changes(self):
        server = self.start("drain_ms = 3600000\n")
        self.reload(server, "drain_ms = 200\n")
        with server.connect() as connection:
            connection.send(service.request("/block?ms=60000"))
            self.wait_for_blocking(server)
            began = time.monotonic()
            self.assertEqual(server.stop(), 0)
            self.assertLess(time.monotonic() - began, 10)

    def wait_for_blocking(self, server):
        for _ in range(10000):
            seen = json.loads(server.get("/debug/runtime", server.admin_port).text)
            if seen["blocking_threads"] > 0:
                return
        self.fail("no blocking call has begun")

    def test_no_request_fails_while_it_reloads_again_and_again(self):
        server = self.start(FIRST.replace("limits.requests = 1", ""))
        ends, failures = threading.Event(), []

        def ask_on():
            with server.connect() as connection:
                while not ends.is_set():
                    got = connection.ask("/echo?bytes=9", **bearer("first"))
                    if (got.status, got.text) != (200, "x" * 9):
                        failures.append((got.status, got.text))
        clients = [threading.Thread(target=ask_on) for _ in range(4)]
        for client in clients:
            client.start()
        many = "".join(f"[[tenant]]\nname = 'n{i}'\ntokens = ['token-{i}']\n" for i in range(500))
        for i in range(20):
            self.reload(server, FIRST.replace("limits.requests = 1", "") + (many if i % 2 else ""))
        ends.set()
        for client in clients:
            client.join()
        self.assertEqual(failures, [])

    def test_without_a_file_it_goes_on(self):
        with service.Server() as server:
            server.process.send_signal(signal.SIGHUP)
            server.hear("there is no --config to read again")
            self.assertEqual(server.get("/healthz").status, 200)


service.main()
