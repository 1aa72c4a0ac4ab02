# SPDX-License-Identifier: Apache-2.0
"""Bodies in chunks, over a real socket: what is put together, what is refused, what is smuggled."""
import hashlib
import random
import tempfile
import unittest

import service

MANY = random.Random(11).randbytes(1024 * 1024)
# What a smuggler hides behind a body: if it were served, this file would be there.
HIDDEN = b"PUT /files/smuggled HTTP/1.1\r\nHost: a\r\nContent-Length: 1\r\n\r\nx"


def head(target, method="POST", fields=b"Transfer-Encoding: chunked\r\n"):
    return f"{method} {target} HTTP/1.1\r\nHost: a\r\n".encode() + fields + b"\r\n"


def chunks(body, size, extension=b"", trailers=b""):
    pieces = [body[i:i + size] for i in range(0, len(body), size)]
    framed = [b"%x%s\r\n%s\r\n" % (len(piece), extension, piece) for piece in pieces]
    return b"".join(framed) + b"0" + extension + b"\r\n" + trailers + b"\r\n"


class Chunked(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.folder = tempfile.TemporaryDirectory()
        cls.server = service.Server("--data", cls.folder.name)

    @classmethod
    def tearDownClass(cls):
        cls.server.__exit__()
        cls.folder.cleanup()

    def ask(self, data, without_body=False):
        with self.server.connect() as connection:
            connection.send(data)
            return connection.read(without_body)

    def refuse(self, data, status):
        """Refused with one line, the connection closed, and nothing of what follows served."""
        with self.server.connect() as connection:
            try:
                connection.send(data + HIDDEN)
            except ConnectionError:
                pass    # it was refused before all of it was read
            got = connection.read()
            self.assertEqual((got.status, got.headers["connection"]), (status, "close"), data[:200])
            self.assertEqual(got.text.count("\n"), 1, got.text)
            self.assertTrue(connection.is_closed(), data[:200])
        self.assertEqual(self.server.get("/files/smuggled").status, 404, data[:200])
        return got.text

    def test_chunks_of_any_size_are_put_together(self):
        for size in (1, 2, 255, 256, 4096, 1024 * 1024):
            body = MANY if size > 255 else MANY[:3000]
            got = self.ask(head("/echo") + chunks(body, size))
            self.assertEqual((got.status, len(got.body)), (200, len(body)), size)
            self.assertTrue(got.body == body, size)
        self.assertEqual(self.ask(head("/echo") + chunks(b"", 1)).body, b"")

    def test_every_route_takes_them(self):
        with self.server.connect() as connection:
            connection.send(head("/files/chunked", "PUT") + chunks(MANY, 50000))
            self.assertEqual(connection.read().status, 201)
            self.assertTrue(connection.ask("/files/chunked").body == MANY)
            connection.send(head("/hash") + chunks(MANY, 70001))
            self.assertEqual(connection.read().text.strip(), hashlib.sha256(MANY).hexdigest())
            connection.send(head("/spawn?n=1") + chunks(b"ignored", 3))
            self.assertEqual(connection.read().status, 200)

    def test_case_extensions_and_leading_zeros_are_allowed(self):
        body = b"a" * 0xAB
        for size in (b"ab", b"AB", b"aB", b"00000ab", b"ab;name", b"ab;name=value;b=\"c\"", b"ab;"):
            got = self.ask(head("/echo", fields=b"transfer-encoding: Chunked\r\n") + size + b"\r\n" +
                           body + b"\r\n0\r\n\r\n")
            self.assertEqual((got.status, got.body), (200, body), size)

    def test_trailers_are_read_and_never_act_as_headers(self):
        trailers = (b"Content-Length: 99\r\nDrama-Tenant: from-a-trailer\r\nConnection: close\r\n"
                    b"Host: b\r\nTransfer-Encoding: gzip\r\nX: y\r\n")
        with self.server.connect() as connection:
            for _ in range(3):
                connection.send(head("/echo") + chunks(b"hello", 2, trailers=trailers))
                got = connection.read()
                self.assertEqual((got.status, got.text), (200, "hello"))
        tenants = self.server.get("/debug/tenants", self.server.admin_port).text
        self.assertIn('"unidentified"', tenants)
        self.assertNotIn("from-a-trailer", tenants)

    def test_pipelined_requests_begin_where_chunks_end(self):
        with self.server.connect() as connection:
            connection.send(head("/echo") + chunks(b"one", 1) + head("/echo") +
                            chunks(b"two", 3, b";x=y", b"A: b\r\n") +
                            service.request("/echo", "POST", b"three") +
                            service.request("/echo?bytes=4"))
            self.assertEqual([connection.read().text for _ in range(4)],
                             ["one", "two", "three", "xxxx"])

    def test_bytes_that_trickle_in_are_put_together(self):
        data = head("/echo") + chunks(b"hello world", 4, b";e=f", b"T: u\r\n")
        with self.server.connect() as connection:
            for byte in data:
                connection.send(bytes([byte]))
            self.assertEqual(connection.read().text, "hello world")

    def test_a_client_that_waits_for_continue_is_told_to(self):
        with self.server.connect() as connection:
            connection.send(head("/echo", fields=b"Transfer-Encoding: chunked\r\n"
                                                 b"Expect: 100-continue\r\n"))
            self.assertEqual(connection.read().status, 100)
            connection.send(chunks(b"abc", 1))
            self.assertEqual(connection.read().text, "abc")

    def test_a_body_that_never_ends_leaves_nothing(self):
        with self.server.connect() as connection:
            connection.send(head("/files/cut", "PUT") + chunks(b"half", 2)[:-3])
            connection.socket.shutdown(1)
            with self.assertRaises(EOFError):
                connection.read()
        self.assertEqual(self.server.get("/files/cut").status, 404)

    def test_two_ways_to_tell_the_length_get_400(self):
        both = b"Content-Length: 5\r\nTransfer-Encoding: chunked\r\n"
        swapped = b"Transfer-Encoding: chunked\r\nContent-Length: 5\r\n"
        for fields in (both, swapped, both.replace(b"5", b"0"), both.replace(b": c", b":c"),
                       both + b"Content-Length: 5\r\n",
                       both.replace(b"Length", b"length").replace(b"Encoding", b"ENCODING")):
            text = self.refuse(head("/echo", fields=fields) + b"0\r\n\r\n", 400)
            self.assertEqual(text, "both Content-Length and Transfer-Encoding\n")
        self.refuse(head("/echo", fields=b"Content-Length: 5\r\nContent-Length: 6\r\n") + b"aaaaa", 400)
        self.refuse(head("/echo", fields=b"Content-Length: 5, 5\r\n") + b"aaaaa", 400)
        self.refuse(head("/echo", fields=b"Transfer-Encoding: chunked\r\n" * 2) + b"0\r\n\r\n", 400)
        self.refuse(b"POST /echo HTTP/1.0\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n", 400)

    def test_disguised_codings_are_refused(self):
        for value, status in [(b"chunked, chunked", 501), (b"gzip, chunked", 501),
                              (b"chunked, identity", 501), (b"identity", 501), (b"xchunked", 501),
                              (b"chunked;q=1", 501), (b"\"chunked\"", 501), (b"", 501),
                              (b"\x0bchunked", 400), (b"chunked\x00", 400)]:
            self.refuse(head("/echo", fields=b"Transfer-Encoding: " + value + b"\r\n") +
                        b"0\r\n\r\n", status)
        for fields in (b"Transfer-Encoding : chunked\r\n", b"Transfer-Encoding:\r\n chunked\r\n",
                       b" Transfer-Encoding: chunked\r\n", b"Transfer-Encoding: chunked\n",
                       b"Transfer\xffEncoding: chunked\r\n", b"X: y\rTransfer-Encoding: chunked\r\n"):
            self.refuse(head("/echo", fields=fields) + b"0\r\n\r\n", 400)

    def test_malformed_chunks_get_400(self):
        for body in [b"x\r\n", b"0x5\r\nhello\r\n", b"+5\r\nhello\r\n", b"-5\r\nhello\r\n",
                     b" 5\r\nhello\r\n", b"5 \r\nhello\r\n", b"5 ;a\r\nhello\r\n", b"\r\nhello\r\n",
                     b"5\nhello\r\n", b"5\r\nhelloo\r\n", b"5\r\nhello\n", b"5\r\nhello0\r\n",
                     b"5\r\nhell\r\n0\r\n\r\n", b"5;\x00\r\nhello\r\n", b"5,5\r\nhello\r\n",
                     b"00000000000000005\r\nhello\r\n", b"5\r\nhello\r\n0\r\nno colon\r\n\r\n",
                     b"5\r\nhello\r\n0\r\n folded: x\r\n\r\n", b"5\r\nhello\r\n0\r\nA: b\n\r\n"]:
            self.refuse(head("/files/smuggled", "PUT") + body, 400)

    def test_chunks_past_a_limit_are_refused(self):
        largest = head("/echo") + chunks(MANY, 65536)
        self.assertEqual(self.ask(largest).status, 200)
        self.refuse(head("/echo") + chunks(MANY + b"x", 65536), 413)
        for size in (b"100001", b"ffffffffffffffff", b"7fffffffffffffff"):
            self.refuse(head("/echo") + size + b"\r\n", 413)
        self.refuse(head("/echo") + b"1;" + b"e" * 1100000 + b"\r\n", 413)
        self.refuse(head("/echo") + b"0\r\nT: " + b"t" * 17000 + b"\r\n\r\n", 431)
        self.refuse(head("/echo") + b"0\r\n" + b"T: u\r\n" * 65 + b"\r\n", 431)


service.main()
