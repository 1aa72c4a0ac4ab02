# SPDX-License-Identifier: Apache-2.0
"""What the server refuses: malformed, too large, too slow, too much."""
import time
import unittest

import service

HEADER_DEADLINE = 0.5
IDLE_DEADLINE = 1.0


class Limits(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.server = service.Server("--header-deadline-ms", "500", "--idle-deadline-ms", "1000")

    @classmethod
    def tearDownClass(cls):
        cls.server.__exit__()

    def refuse(self, data, status):
        with self.server.connect() as connection:
            connection.send(data)
            got = connection.read()
            self.assertEqual(got.status, status, got.text)
            self.assertEqual(got.text.count("\n"), 1, got.text)
            self.assertEqual(got.headers["connection"], "close")
            self.assertTrue(connection.is_closed())

    def test_malformed_requests_get_400(self):
        for data in [b"nonsense\r\n\r\n", b"GET /echo HTTP/1.1\r\n\r\n",
                     b"GET /echo HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n",
                     b"GET /echo HTTP/1.1\r\nHost: a\r\n folded: x\r\n\r\n",
                     b"POST /echo HTTP/1.1\r\nHost: a\r\nContent-Length: 1\r\n"
                     b"Transfer-Encoding: chunked\r\n\r\n0\r\n\r\n"]:
            self.refuse(data, 400)

    def test_other_versions_and_codings_are_named(self):
        self.refuse(b"GET / HTTP/2.0\r\nHost: a\r\n\r\n", 505)
        self.refuse(b"POST /echo HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: gzip\r\n\r\n", 501)

    def test_too_large_requests_get_413_414_and_431(self):
        self.refuse(service.request("/echo", "POST", Content_Length="1048577"), 413)
        self.refuse(service.request("/" + "a" * 9000), 414)
        self.refuse(service.request("/echo", X="y" * 20000), 431)
        self.refuse(service.request("/echo", **{f"X{i}": "y" for i in range(70)}), 431)

    def test_the_answer_survives_a_body_that_was_not_read(self):
        head = service.request("/echo", "POST", Content_Length="3000000")
        self.refuse(head + b"z" * 300000, 413)

    def test_bad_tenant_names_get_400_and_the_connection_goes_on(self):
        with self.server.connect() as connection:
            self.assertEqual(connection.ask("/echo", Drama_Tenant="n" * 256).status, 400)
            self.assertEqual(connection.ask("/echo", Drama_Tenant="").status, 400)
            self.assertEqual(connection.ask("/echo", Drama_Tenant="n" * 255).status, 200)

    def test_slow_heads_get_408(self):
        with self.server.connect() as connection:
            began = time.monotonic()
            connection.send(b"GET /echo HTTP/1.1\r\nHo")
            got = connection.read()
            self.assertEqual(got.status, 408)
            self.assertGreater(time.monotonic() - began, HEADER_DEADLINE * 0.9)
            self.assertLess(time.monotonic() - began, HEADER_DEADLINE + 2)
            self.assertTrue(connection.is_closed())

    def test_heads_that_drip_get_408_too(self):
        with self.server.connect() as connection:
            began = time.monotonic()
            for byte in b"GET /echo HTTP/1.1\r\nHost: abcdefghijklmnopqrstuvwxyz"[:20]:
                connection.send(bytes([byte]))
                time.sleep(0.04)
            self.assertEqual(connection.read().status, 408)
            self.assertLess(time.monotonic() - began, HEADER_DEADLINE + 2)

    def test_idle_connections_are_closed(self):
        with self.server.connect() as silent, self.server.connect() as once:
            self.assertEqual(once.ask("/echo").status, 200)
            began = time.monotonic()
            self.assertTrue(silent.is_closed())
            self.assertTrue(once.is_closed())
            self.assertGreater(time.monotonic() - began, IDLE_DEADLINE * 0.8)
            self.assertLess(time.monotonic() - began, IDLE_DEADLINE + 3)

    def test_a_request_may_take_longer_than_the_idle_deadline(self):
        with self.server.connect() as connection:
            self.assertEqual(connection.ask("/block?ms=1800").status, 200)

    def test_too_many_tasks_are_refused_with_a_hint(self):
        with service.Server("--tasks-max", "12") as small:
            waiting = [small.connect() for _ in range(8)]
            for connection in waiting:
                connection.send(service.request("/block?ms=300"))
            answers = [connection.read() for connection in waiting]
            for connection in waiting:
                connection.socket.close()
            self.assertEqual({answer.status for answer in answers}, {200, 503})
            refused = next(answer for answer in answers if answer.status == 503)
            self.assertEqual((refused.text, refused.headers["retry-after"]), ("tasks_max\n", "1"))

    def test_too_many_connections_are_told_so(self):
        with service.Server("--tasks-max", "4") as small:
            held = [small.connect() for _ in range(2)]
            for connection in held:
                self.assertEqual(connection.ask("/nothing").status, 404)
            with small.connect() as late:
                got = late.read()
                self.assertEqual((got.status, got.text), (503, "overloaded\n"))
                self.assertTrue(late.is_closed())
            for connection in held:
                connection.socket.close()


service.main()
