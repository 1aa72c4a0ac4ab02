# SPDX-License-Identifier: Apache-2.0
"""Ending: signals drain within a deadline; wrong command lines say what is wrong."""
import signal
import socket
import subprocess
import threading
import time
import unittest

import service


def run(*arguments):
    return subprocess.run([service.PROGRAM, *arguments], capture_output=True, text=True, timeout=30,
                          check=False)


class Stop(unittest.TestCase):
    def test_an_idle_server_ends_at_once(self):
        for how in (signal.SIGTERM, signal.SIGINT):
            with service.Server() as server:
                with server.connect() as idle:
                    idle.ask("/echo")
                    began = time.monotonic()
                    self.assertEqual(server.stop(how), 0)
                    self.assertLess(time.monotonic() - began, 3)
                    self.assertTrue(idle.is_closed())

    def test_a_request_in_flight_is_answered(self):
        with service.Server() as server, server.connect() as connection:
            connection.send(service.request("/block?ms=800"))
            time.sleep(0.2)
            server.process.send_signal(signal.SIGTERM)
            got = connection.read()
            self.assertEqual((got.status, got.headers["connection"]), (200, "close"))
            self.assertEqual(server.process.wait(10), 0)

    def test_new_connections_are_refused_while_it_drains(self):
        with service.Server() as server, server.connect() as connection:
            connection.send(service.request("/block?ms=1000"))
            time.sleep(0.2)
            server.process.send_signal(signal.SIGTERM)
            time.sleep(0.2)
            with self.assertRaises(OSError):
                socket.create_connection(("127.0.0.1", server.port), 2)
            self.assertEqual(connection.read().status, 200)

    def test_requests_that_outlast_the_grace_are_stopped(self):
        with service.Server("--drain-ms", "300") as server, server.connect() as connection:
            connection.send(service.request("/block?ms=60000"))
            time.sleep(0.3)
            began = time.monotonic()
            server.stop()
            self.assertLess(time.monotonic() - began, 5)

    def test_it_says_so_for_a_while_before_it_accepts_no_more(self):
        with service.Server("--drain-delay-ms", "3000") as server, server.connect() as early:
            self.assertEqual(early.ask("/healthz").status, 200)
            began = time.monotonic()
            server.process.send_signal(signal.SIGTERM)
            server.hear("draining")
            for _ in range(10000):      # the signal is told before it is shown
                got = early.ask("/healthz")
                if got.status != 200:
                    break
            self.assertEqual((got.status, got.text), (503, "draining\n"))
            for port in (server.port, server.admin_port):
                self.assertEqual(server.get("/healthz", port).status, 503)
            self.assertEqual(server.get("/echo?bytes=3").text, "xxx")
            self.assertEqual(early.ask("/echo?bytes=3").text, "xxx")
            self.assertLess(time.monotonic() - began, 3)
            self.assertEqual(server.process.wait(20), 0)
            self.assertGreater(time.monotonic() - began, 2.9)
            self.assertTrue(early.is_closed())

    def test_the_second_signal_ends_it_at_once(self):
        for flags in (["--drain-delay-ms", "60000"], ["--drain-ms", "60000"]):
            with service.Server(*flags) as server, server.connect() as connection:
                connection.send(service.request("/block?ms=60000"))
                server.process.send_signal(signal.SIGTERM)
                server.hear("draining")
                server.process.send_signal(signal.SIGHUP)
                began = time.monotonic()
                # The first is told before the second may end it.
                while server.process.poll() is None and time.monotonic() - began < 10:
                    server.process.send_signal(signal.SIGTERM)
                    time.sleep(0.05)
                self.assertEqual(server.process.wait(1), -signal.SIGTERM)

    def test_it_ends_while_requests_pour_in(self):
        with service.Server() as server:
            def pour():
                try:
                    with server.connect() as connection:
                        while True:
                            connection.ask("/echo")
                except (OSError, EOFError):
                    pass
            clients = [threading.Thread(target=pour) for _ in range(8)]
            for client in clients:
                client.start()
            time.sleep(0.3)
            began = time.monotonic()
            self.assertEqual(server.stop(), 0)
            self.assertLess(time.monotonic() - began, 7)
            for client in clients:
                client.join()


class CommandLine(unittest.TestCase):
    def test_unknown_arguments_are_named_with_the_usage(self):
        for arguments in (["serve", "--bogus"], ["serve", "--workers", "many"], ["serve", "--io"],
                          ["serve", "--policy", "random"], ["serve", "--no-hand-over=1"], ["demo", "x"]):
            got = run(*arguments)
            self.assertEqual(got.returncode, 2, arguments)
            self.assertIn("usage: drama " + arguments[0], got.stderr)
        self.assertEqual(run("dance").returncode, 2)
        self.assertEqual(run().returncode, 2)

    def test_help_tells_each_flag(self):
        got = run("serve", "--help")
        self.assertEqual(got.returncode, 0)
        for flag in ("--listen", "--admin", "--workers", "--policy", "--io", "--blocking-max"):
            self.assertIn(flag, got.stdout)
        self.assertIn("serve", run("--help").stdout)

    def test_an_address_in_use_is_one_line(self):
        with service.Server() as server:
            got = run("serve", "--listen", f"127.0.0.1:{server.port}", "--admin", "off")
            self.assertEqual(got.returncode, 1)
            self.assertIn("cannot listen at", got.stderr)

    def test_the_admin_endpoint_stays_on_this_machine(self):
        got = run("serve", "--listen", "127.0.0.1:0", "--admin", "0.0.0.0:0")
        self.assertEqual(got.returncode, 1)
        self.assertIn("cannot show itself at", got.stderr)


service.main()
