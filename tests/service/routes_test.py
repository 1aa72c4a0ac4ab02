# SPDX-License-Identifier: Apache-2.0
"""Every route, with curl where it is installed and over keep-alive and pipelined connections."""
import json
import shutil
import subprocess
import unittest

import service


class Routes(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.server = service.Server()

    @classmethod
    def tearDownClass(cls):
        cls.server.__exit__()

    def test_each_route_answers(self):
        for target, status, text in [
                ("/healthz", 200, "ok\n"), ("/echo", 200, "x" * 64), ("/echo?bytes=5", 200, "xxxxx"),
                ("/echo?bytes=0", 200, ""), ("/hog?ms=2", 200, "spun 2 ms on a worker\n"),
                ("/compute?us=50", 200, "computed for 50 us\n"),
                ("/block?ms=2", 200, "blocked for 2 ms\n"), ("/nothing", 404, "no such path\n")]:
            got = self.server.get(target)
            self.assertEqual((got.status, got.text), (status, text), target)

    def test_curl_gets_each_route(self):
        if shutil.which("curl") is None:
            self.skipTest("no curl")
        for target in ["/healthz", "/echo?bytes=100000", "/compute?us=10", "/block?ms=1"]:
            url = f"http://127.0.0.1:{self.server.port}{target}"
            done = subprocess.run(["curl", "-sS", "--fail", "--max-time", "10", url],
                                  capture_output=True, check=False)
            self.assertEqual(done.returncode, 0, done.stderr)

    def test_the_largest_echo_arrives_whole(self):
        self.assertEqual(len(self.server.get("/echo?bytes=1048576").body), 1048576)

    def test_bad_numbers_are_refused_with_a_reason(self):
        for target in ["/echo?bytes=x", "/echo?bytes=-1", "/echo?bytes=1048577", "/echo?bytes=",
                       "/hog?ms=99999999", "/compute?us=1.5", "/block?ms=99999999999999999999"]:
            got = self.server.get(target)
            self.assertEqual(got.status, 400, target)
            self.assertEqual(got.text.count("\n"), 1, got.text)

    def test_wrong_methods_name_the_right_ones(self):
        with self.server.connect() as connection:
            got = connection.ask("/echo", method="DELETE")
            self.assertEqual((got.status, got.headers["allow"]), (405, "GET, POST"))
            self.assertEqual(connection.ask("/healthz").status, 200)

    def test_posted_bodies_come_back(self):
        body = bytes(range(256)) * 300
        with self.server.connect() as connection:
            self.assertEqual(connection.ask("/echo", "POST", body).body, body)
            connection.send(b"POST /echo HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n"
                            b"5\r\nhello\r\n6\r\n world\r\n0\r\n\r\n")
            self.assertEqual(connection.read().text, "hello world")

    def test_a_client_that_waits_for_continue_is_told_to(self):
        with self.server.connect() as connection:
            head = service.request("/echo", "POST", Expect="100-continue", Content_Length="3")
            connection.send(head)
            self.assertEqual(connection.read().status, 100)
            connection.send(b"abc")
            self.assertEqual(connection.read().text, "abc")

    def test_spawned_children_are_counted_and_joined(self):
        with self.server.connect() as connection:
            got = connection.ask("/spawn?n=10000&us=1", "POST", Drama_Tenant="spawner")
            self.assertEqual((got.status, got.text), (200, "spawned 10000 tasks\n"))
            self.assertEqual(connection.ask("/spawn?n=0", "POST").status, 200)
            self.assertEqual(connection.ask("/spawn?n=10000001", "POST").status, 400)
            self.assertEqual(connection.ask("/spawn?us=x", "POST").status, 400)
            self.assertEqual(connection.ask("/spawn").status, 405)
        seen = json.loads(self.server.get("/debug/tenants", self.server.admin_port).text)
        spawner = next(each for each in seen["tenants"] if each["name"] == "spawner")
        self.assertGreaterEqual(spawner["tasks_ended"], 10000)

    def test_head_has_no_body(self):
        with self.server.connect() as connection:
            got = connection.ask("/echo?bytes=7", method="HEAD")
            self.assertEqual((got.status, got.headers["content-length"]), (200, "7"))
            self.assertEqual(connection.ask("/healthz").text, "ok\n")

    def test_one_connection_serves_many_requests_of_many_tenants(self):
        with self.server.connect() as connection:
            for i in range(200):
                got = connection.ask(f"/echo?bytes={i}", Drama_Tenant=f"t{i % 5}")
                self.assertEqual(len(got.body), i)

    def test_pipelined_requests_are_answered_in_order(self):
        targets = ["/block?ms=30"] + [f"/echo?bytes={i}" for i in range(50)] + ["/healthz"]
        with self.server.connect() as connection:
            connection.send(b"".join(service.request(target) for target in targets))
            sizes = [len(connection.read().body) for _ in targets]
        self.assertEqual(sizes[1:-1], list(range(50)))

    def test_requests_in_pieces_are_put_together(self):
        with self.server.connect() as connection:
            for byte in service.request("/echo?bytes=3"):
                connection.send(bytes([byte]))
            self.assertEqual(connection.read().text, "xxx")

    def test_http_1_0_closes_unless_it_asks_otherwise(self):
        with self.server.connect() as connection:
            connection.send(b"GET /echo?bytes=1 HTTP/1.0\r\nConnection: keep-alive\r\n\r\n")
            self.assertEqual(connection.read().headers["connection"].lower(), "keep-alive")
            connection.send(b"GET /echo?bytes=1 HTTP/1.0\r\n\r\n")
            self.assertEqual(connection.read().text, "x")
            self.assertTrue(connection.is_closed())

    def test_the_admin_endpoint_shows_who_used_what(self):
        self.server.get("/compute?us=200", Drama_Tenant='odd "name"')
        # The answer may arrive before its own cost is charged: look until it is.
        for _ in range(1000):
            seen = json.loads(self.server.get("/debug/tenants", self.server.admin_port).text)
            tenants = {each["name"]: each for each in seen["tenants"]}
            if "send" in tenants['odd "name"']["operations"]:
                break
        self.assertEqual(tenants['odd "name"']["compute_calls"], 1)
        self.assertGreaterEqual(tenants['odd "name"']["operations"]["send"]["bytes"], 64)
        self.assertLessEqual({"system", "unidentified"}, set(tenants))
        stats = json.loads(self.server.get("/debug/runtime", self.server.admin_port).text)
        self.assertGreaterEqual(stats["tasks_alive"], 1)
        self.assertEqual(self.server.get("/healthz", self.server.admin_port).text, "ok\n")
        metrics = self.server.get("/metrics", self.server.admin_port)
        self.assertTrue(metrics.headers["content-type"].startswith("text/plain; version=0.0.4"))
        self.assertIn("# TYPE drama_saturation_ratio gauge\n", metrics.text)
        self.assertRegex(metrics.text, r'drama_io_operations_total\{op="send",outcome="ok"\} \d+\n')


service.main()
