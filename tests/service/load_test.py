# SPDX-License-Identifier: Apache-2.0
"""`drama load` against a served process, and against servers that misbehave: its counts are those
of the server, latency counts from the intended time, and every failure is counted by its kind."""
import json
import os
import signal
import socket
import subprocess
import tempfile
import threading
import time
import unittest
import xml.dom.minidom

import service


def load(port, *flags, status=0, timeout=60):
    done = subprocess.run([service.PROGRAM, "load", "--url", f"127.0.0.1:{port}", "--json", *flags],
                          capture_output=True, text=True, timeout=timeout, check=False)
    if done.returncode != status:
        raise AssertionError(f"status {done.returncode}: {done.stdout} {done.stderr}")
    return json.loads(done.stdout) if done.stdout else done.stderr


def accounted(result):
    errors = dict(result["errors"])
    statuses = sum(errors.pop("status").values())
    requests = sum(errors[kind] for kind in ("timeout", "closed", "malformed"))
    return result["answered"] + statuses + requests + result["dropped"] + result["unfinished"]


class Peer:
    """A server that does with each connection what `behave` does, in a thread."""

    def __init__(self, behave):
        self.listener = socket.create_server(("127.0.0.1", 0), backlog=128)
        self.port = self.listener.getsockname()[1]
        self.held = []
        threading.Thread(target=self.accept, args=(behave,), daemon=True).start()

    def accept(self, behave):
        while True:
            try:
                connection, _ = self.listener.accept()
            except OSError:
                return
            self.held.append(connection)
            threading.Thread(target=behave, args=(connection,), daemon=True).start()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.listener.close()
        for connection in self.held:
            connection.close()


class Load(unittest.TestCase):
    def tenants(self, server):
        answer = json.loads(server.get("/debug/tenants", port=server.admin_port).text)
        return {each["name"]: each for each in answer["tenants"]}

    def test_its_counts_are_those_of_the_server(self):
        with service.Server() as server:
            report = load(server.port, "--seconds", "1", "--threads", "2", "--path", "/echo",
                          "--group", "name=open,tenant=open,rate=500",
                          "--group", "name=even,tenant=even,rate=300,arrivals=fixed",
                          "--group", "name=burst,tenant=burst,rate=200,arrivals=bursts,burst=20",
                          "--group", "name=loop,tenant=loop,connections=4",
                          "--group", "name=many,tenant=many,tenants=3,rate=90,arrivals=fixed")
            seen = self.tenants(server)
        self.assertFalse(report["interrupted"])
        for group in report["groups"]:
            self.assertEqual(group["intended"], group["answered"], group)
            self.assertEqual(group["intended"], group["latency_us"]["samples"])
            names = [f"many-{i}" for i in range(3)] if group["name"] == "many" else [group["name"]]
            served = sum(seen[name]["tasks_ended"] for name in names)
            self.assertEqual(group["answered"], served, group["name"])
        groups = {group["name"]: group for group in report["groups"]}
        self.assertEqual(groups["even"]["answered"], 300)
        self.assertEqual(groups["burst"]["answered"], 200)
        self.assertAlmostEqual(groups["open"]["answered"], 500, delta=5 * 500 ** 0.5)
        self.assertEqual({seen[f"many-{i}"]["tasks_ended"] for i in range(3)}, {30})
        self.assertEqual(report["total"]["answered"],
                         sum(group["answered"] for group in report["groups"]))

    def test_the_seed_decides_the_arrivals_whatever_the_threads(self):
        with service.Server() as server:
            counts = [load(server.port, "--path", "/echo", "--rate", "300", "--seconds", "0.5",
                           "--seed", seed, "--threads", threads)["total"]["intended"]
                      for seed, threads in [("5", "1"), ("5", "3"), ("6", "1"), ("7", "1")]]
        self.assertEqual(counts[0], counts[1])
        self.assertGreater(len(set(counts)), 1)

    def test_latency_counts_from_the_intended_time(self):
        """A server that answers nothing for half a second makes everybody late who was due then."""
        stall = 0.5

        def behave(connection):
            time.sleep(max(0, began + stall - time.monotonic()))
            while connection.recv(65536):
                connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n")

        with Peer(behave) as peer:
            began = time.monotonic()
            result = load(peer.port, "--rate", "100", "--arrivals", "fixed", "--seconds", "1",
                          "--connections", "1", "--connections-max", "1")["total"]
        self.assertEqual(result["answered"], 100)
        self.assertEqual(result["connections"], 1)
        # About half of the requests were due in that time, evenly spread over it.
        self.assertGreater(result["latency_us"]["max"], 250_000)
        self.assertGreater(result["latency_us"]["p90"], 100_000)

    def test_failures_are_counted_by_kind(self):
        def mute(connection):
            while connection.recv(65536):
                pass

        def rude(connection):
            connection.recv(65536)
            connection.close()

        def garbled(connection):
            while connection.recv(65536):
                connection.sendall(b"SMTP ready\r\n\r\n")

        def busy(connection):
            while connection.recv(65536):
                connection.sendall(b"HTTP/1.1 503 Busy\r\nContent-Length: 2\r\n\r\nno")

        flags = ["--rate", "50", "--arrivals", "fixed", "--seconds", "0.4", "--timeout-ms", "200"]
        for behave, kind in [(mute, "timeout"), (rude, "closed"), (garbled, "malformed"),
                             (busy, "status")]:
            with Peer(behave) as peer:
                result = load(peer.port, *flags, status=1)["total"]
            self.assertEqual(result["intended"], 20)
            count = result["errors"][kind]
            self.assertEqual(count if kind != "status" else count["503"], 20, result)
            self.assertEqual(accounted(result), 20)
            self.assertEqual(result["answered"], 0)
            if kind == "timeout":
                self.assertEqual(result["latency_us"]["samples"], 20)
                self.assertGreaterEqual(result["latency_us"]["min"], 200_000)

    def test_what_exceeds_the_outstanding_requests_is_dropped_and_said(self):
        def mute(connection):
            while connection.recv(65536):
                pass

        with Peer(mute) as peer:
            result = load(peer.port, "--rate", "100", "--arrivals", "fixed", "--seconds", "0.5",
                          "--connections-max", "4", "--outstanding-max", "10", "--timeout-ms",
                          "1500", status=1)["total"]
        self.assertEqual(result["dropped"], 40)
        self.assertEqual(result["errors"]["timeout"], 10)

    def test_a_port_without_a_server_is_told(self):
        with socket.create_server(("127.0.0.1", 0)) as taken:
            port = taken.getsockname()[1]
        self.assertIn("cannot connect to 127.0.0.1:%d: Connection refused" % port,
                      load(port, status=1))

    def test_servers_that_close_after_each_answer_are_asked_again(self):
        def once(connection):
            connection.recv(65536)
            connection.sendall(b"HTTP/1.0 200 OK\r\n\r\nuntil the end")
            connection.close()

        with Peer(once) as peer:
            result = load(peer.port, "--connections", "2", "--seconds", "0.3")["total"]
        self.assertGreater(result["answered"], 10)
        self.assertGreaterEqual(result["connections"], result["answered"])
        self.assertEqual(accounted(result), result["intended"])

    def test_bodies_headers_and_tokens_arrive(self):
        got = []

        def behave(connection):
            data = b""
            while not data.endswith(b"x" * 300_000):
                data += connection.recv(65536)
            got.append(data)
            connection.sendall(b"HTTP/1.1 204 No Content\r\n\r\n")
            connection.recv(1)

        with Peer(behave) as peer:
            result = load(peer.port, "--method", "PUT", "--path", "/files/a", "--body-bytes",
                          "300000", "--header", "X-Y: z", "--token", "secret", "--tenant", "t",
                          "--rate", "1", "--arrivals", "fixed", "--seconds", "0.5")["total"]
        self.assertEqual(result["answered"], 1)
        head, body = got[0].split(b"\r\n\r\n", 1)
        self.assertEqual(len(body), 300_000)
        self.assertEqual(head.split(b"\r\n")[0], b"PUT /files/a HTTP/1.1")
        for line in (b"X-Y: z", b"Authorization: Bearer secret", b"Drama-Tenant: t",
                     b"Content-Length: 300000"):
            self.assertIn(line, head.split(b"\r\n"))

    def test_ctrl_c_prints_what_it_has(self):
        with service.Server() as server:
            running = subprocess.Popen(
                [service.PROGRAM, "load", "--url", f"127.0.0.1:{server.port}", "--path", "/echo",
                 "--connections", "2", "--seconds", "1000", "--json"],
                stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
            self.assertIn("answers/s", running.stderr.readline())
            running.send_signal(signal.SIGINT)
            out, _ = running.communicate(timeout=20)
        self.assertEqual(running.returncode, 0)
        report = json.loads(out)
        self.assertTrue(report["interrupted"])
        self.assertGreater(report["total"]["answered"], 0)
        self.assertEqual(accounted(report["total"]), report["total"]["intended"])
        self.assertLess(report["total"]["seconds"], 100)

    def test_the_scenario_of_the_guide_is_one(self):
        guide = os.path.join(os.path.dirname(__file__), "..", "..", "docs", "guide-load.md")
        with open(guide, encoding="utf-8") as file:
            scenario = file.read().split("```toml\n")[1].split("```")[0]
        with tempfile.NamedTemporaryFile("w", suffix=".toml") as file, service.Server() as server:
            file.write(scenario)
            file.flush()
            report = load(server.port, "--scenario", file.name, "--seconds", "0.3")
            tenants = self.tenants(server)
        gold, many, uploads = report["groups"]
        self.assertEqual((gold["rate"], many["rate"], uploads["rate"]), (750, 250, 0))
        self.assertEqual(many["intended"], 100)  # two bursts
        self.assertEqual(many["answered"], 100)
        self.assertIn("t-99", tenants)
        self.assertEqual(set(uploads["errors"]["status"]), {"503"}, "it has no --data")

    def test_a_scenario_is_run_and_drawn(self):
        with tempfile.TemporaryDirectory() as folder, service.Server() as server:
            scenario = os.path.join(folder, "s.toml")
            drawing = os.path.join(folder, "s.svg")
            with open(scenario, "w", encoding="ascii") as file:
                file.write("seconds = 0.5\npath = '/echo'\n"
                           "[[group]]\nname = 'early <&>'\nrate = 50\n"
                           "[[group]]\nname = 'late'\nrate = 50\nstart_seconds = 0.5\n")
            began = time.monotonic()
            report = load(server.port, "--scenario", scenario, "--svg", drawing)
            self.assertGreater(time.monotonic() - began, 0.9)
            lines = xml.dom.minidom.parse(drawing).getElementsByTagName("polyline")
            self.assertEqual([group["name"] for group in report["groups"]], ["early <&>", "late"])
            self.assertEqual(len(lines), 2)
            self.assertGreater(len(lines[0].getAttribute("points").split()), 5)

            with open(scenario, "a", encoding="ascii") as file:
                file.write("speed = 9\n")
            self.assertEqual(load(server.port, "--scenario", scenario, status=2),
                             f"{scenario}:10:1: unknown key 'speed'\n")


service.main()
