# SPDX-License-Identifier: Apache-2.0
"""/files: what is kept, for whom, and what is refused; /compress and /hash."""
import ctypes
import ctypes.util
import hashlib
import json
import os
import random
import shutil
import signal
import subprocess
import tempfile
import threading
import unittest

import service

MANY = random.Random(7).randbytes(1024 * 1024)
TEXT = b"".join(b"line %d of a text that repeats itself\n" % i for i in range(20000))


class Files(unittest.TestCase):
    IO = "auto"

    def setUp(self):
        self.folder = tempfile.mkdtemp(prefix="drama_files_")
        self.addCleanup(shutil.rmtree, self.folder)
        self.server = service.Server("--data", self.folder + "/data/", "--io", self.IO)
        self.addCleanup(self.server.__exit__)
        self.connection = self.server.connect()
        self.addCleanup(self.connection.__exit__)

    def ask(self, method, name, body=b"", **headers):
        return self.connection.ask("/files/" + name, method, body, **headers)

    def on_disk(self):
        root = self.folder + "/data/files"
        return sorted(os.path.relpath(os.path.join(at, each), root)
                      for at, _, files in os.walk(root) for each in files)

    def test_what_is_put_can_be_read_replaced_and_removed(self):
        self.assertEqual(self.ask("GET", "a").status, 404)
        for status, body in [(201, b"one"), (204, MANY), (204, b""), (204, b"\0\r\n\r\n")]:
            put = self.ask("PUT", "a", body, **({} if body else {"Content_Length": "0"}))
            self.assertEqual((put.status, put.body), (status, b""))
            got = self.ask("GET", "a")
            self.assertEqual((got.status, got.headers["content-type"]),
                             (200, "application/octet-stream"))
            self.assertTrue(got.body == body)
        head = self.ask("HEAD", "a")
        self.assertEqual((head.status, head.headers["content-length"]), (200, "5"))
        self.assertEqual(self.ask("DELETE", "a").status, 204)
        self.assertEqual(self.ask("DELETE", "a").status, 404)
        self.assertEqual(self.ask("GET", "a").status, 404)
        self.assertEqual(self.ask("POST", "a").headers["allow"], "GET, PUT, DELETE")
        self.assertEqual(self.on_disk(), [])

    def test_churn_writes_and_keeps_nothing(self):
        for mib in ("1", "3", "0"):
            churned = self.connection.ask("/churn?mib=" + mib, "POST", Content_Length="0")
            self.assertEqual((churned.status, churned.text.strip()),
                             (200, f"wrote and synced {mib} MiB"))
        for wrong in ("65", "-1", "x", ""):
            self.assertEqual(
                self.connection.ask("/churn?mib=" + wrong, "POST", Content_Length="0").status, 400)
        self.assertEqual(self.on_disk(), [])
        with self.server.connect(self.server.admin_port) as admin:
            tenants = json.loads(admin.ask("/debug/tenants").text)["tenants"]
            runtime = json.loads(admin.ask("/debug/runtime").text)
        mine = next(each for each in tenants if each["name"] == "unidentified")
        self.assertEqual(mine["operations"]["write_at"]["bytes"], 4 * 1024 * 1024)
        self.assertEqual((runtime["disk_queued"], runtime["disk_in_flight"]), (0, 0))

    def test_churn_that_is_killed_leaves_nothing_after_the_next_start(self):
        with self.server.connect() as other:
            other.send(service.request("/churn?mib=64", "POST", Content_Length="0"))
            while not self.on_disk():
                pass
            self.server.stop(signal.SIGKILL)
        with service.Server("--data", self.folder + "/data", "--io", self.IO):
            self.assertEqual(self.on_disk(), [])

    def test_files_outlive_the_server(self):
        self.assertEqual(self.ask("PUT", "kept", MANY).status, 201)
        self.assertEqual(self.server.stop(), 0)
        with service.Server("--data", self.folder + "/data", "--io", self.IO) as server:
            self.assertTrue(server.get("/files/kept").body == MANY)

    def test_a_chunked_body_is_kept_whole(self):
        self.connection.send(b"PUT /files/a HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n"
                             b"5\r\nhello\r\n6\r\n world\r\n0\r\n\r\n")
        self.assertEqual(self.connection.read().status, 201)
        self.assertEqual(self.ask("GET", "a").text, "hello world")

    def test_odd_names_of_files_are_names(self):
        for name in ["a%20b", "%2525", "...", "%C3%A4", "%ff%fe", "-rf", "~", "n" * 200, "a%5cb",
                     "a+b", ".hidden", "%25%32%65"]:
            self.assertEqual(self.ask("PUT", name, name.encode()).status, 201, name)
        for name, same in [("%61%20b", "a%20b"), ("a%2Bb", "a+b"), ("%252e", "%25%32%65")]:
            self.assertEqual(self.ask("GET", name).text, same)

    def test_bad_names_are_refused_with_a_reason_and_change_nothing(self):
        for name in ["", ".", "..", "%2e", "%2e%2e", "a/b", "../x", "..%2fx", "%2Fetc", "a%00", "%",
                     "%4", "%zz", "%0a", "%7f", "n" * 201, ".drama-put-", "%2edrama-put-1-1"]:
            for method in ("PUT", "GET", "DELETE"):
                # The parser closes the connection after a path that it does not like itself.
                with self.server.connect() as other:
                    got = other.ask("/files/" + name, method, b"x" if method == "PUT" else b"")
                self.assertEqual(got.status, 400, name)
                self.assertEqual(got.text.count("\n"), 1, got.text)
        self.assertEqual(self.on_disk(), [])

    def test_tenants_have_folders_of_their_own(self):
        tenants = ["gold", "Gold", "..", ".", "/", "../gold", "gold/..", "%67old", "x" * 255,
                   "x" * 254 + "y", "/" * 255, "t-gold", "d-", "unidentified", "systems"]
        for tenant in tenants:
            self.assertEqual(self.ask("PUT", "a", tenant.encode(), Drama_Tenant=tenant).status, 201)
        for tenant in tenants:
            self.assertEqual(self.ask("GET", "a", Drama_Tenant=tenant).text, tenant)
        self.assertEqual(len(self.on_disk()), len(set(tenants)))
        self.assertEqual(os.listdir(self.folder), ["data"])
        self.assertEqual(self.ask("GET", "a", Drama_Tenant="nobody").status, 404)
        self.assertEqual(self.ask("PUT", "a", b"x", Drama_Tenant="system").status, 400)

    def test_a_body_over_the_limit_leaves_the_old_version(self):
        self.assertEqual(self.ask("PUT", "a", b"old").status, 201)
        with self.server.connect() as other:
            other.send(service.request("/files/a", "PUT", Content_Length=str(len(MANY) + 1)))
            self.assertEqual(other.read().status, 413)
        self.assertEqual(self.ask("GET", "a").text, "old")

    def test_puts_at_once_leave_one_of_them_whole(self):
        bodies = [bytes([i]) * (100_000 + i) for i in range(16)]
        seen = []

        def put(body):
            with self.server.connect() as connection:
                for _ in range(5):
                    seen.append(connection.ask("/files/a", "PUT", body).status)
        clients = [threading.Thread(target=put, args=(body,)) for body in bodies]
        for client in clients:
            client.start()
        while any(client.is_alive() for client in clients):
            got = self.ask("GET", "a")
            self.assertTrue(got.status == 404 or got.body in bodies)
        for client in clients:
            client.join()
        self.assertEqual((seen.count(201), seen.count(204)), (1, 79))
        self.assertIn(self.ask("GET", "a").body, bodies)
        self.assertEqual(self.on_disk(), ["t-unidentified/a"])


class FilesOnEpoll(Files):
    IO = "epoll"


class Refusals(unittest.TestCase):
    def test_without_a_data_folder_there_are_no_files(self):
        with service.Server() as server, server.connect() as connection:
            for method in ("PUT", "GET", "DELETE"):
                got = connection.ask("/files/a", method)
                self.assertEqual(got.status, 503)
                self.assertIn("--data DIR", got.text)

    def test_a_data_folder_that_cannot_be_made_is_one_line(self):
        got = subprocess.run([service.PROGRAM, "serve", "--data", "/nowhere/at/all"], timeout=30,
                             capture_output=True, text=True, check=False)
        self.assertEqual(got.returncode, 1)
        self.assertEqual(got.stderr.count("\n"), 1)
        self.assertIn("/nowhere/at/all", got.stderr)

    def test_a_full_disk_is_said_and_leaves_the_old_version(self):
        folder = tempfile.mkdtemp(prefix="drama_files_")
        self.addCleanup(shutil.rmtree, folder)
        mounted = subprocess.run(["mount", "-t", "tmpfs", "-o", "size=1m", "tmpfs", folder],
                                 capture_output=True, check=False)
        if mounted.returncode != 0:
            self.skipTest("no right to mount a small disk")
        self.addCleanup(subprocess.run, ["umount", "-l", folder], check=True)
        with service.Server("--data", folder) as server, server.connect() as connection:
            self.assertEqual(connection.ask("/files/a", "PUT", MANY[:500_000]).status, 201)
            full = connection.ask("/files/a", "PUT", MANY[:700_000])
            self.assertEqual((full.status, full.text), (507, "no room is left on the disk\n"))
            self.assertTrue(connection.ask("/files/a").body == MANY[:500_000])
            self.assertEqual(os.listdir(folder + "/files/t-unidentified"), ["a"])
            self.assertEqual(connection.ask("/files/a", "PUT", b"small").status, 204)


class Packing(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.server = service.Server()

    @classmethod
    def tearDownClass(cls):
        cls.server.__exit__()

    def post(self, target, body):
        with self.server.connect() as connection:
            return connection.ask(target, "POST", body)

    def test_hashes_are_those_of_the_body(self):
        for body in [b"", b"a", TEXT, MANY, MANY[:262144], MANY[:262145]]:
            self.assertEqual(self.post("/hash", body).text, hashlib.sha256(body).hexdigest() + "\n")

    def test_what_was_compressed_comes_back(self):
        zstd = ctypes.CDLL(ctypes.util.find_library("zstd") or "libzstd.so.1")
        zstd.ZSTD_decompress.restype = ctypes.c_size_t
        zstd.ZSTD_decompress.argtypes = [ctypes.c_char_p, ctypes.c_size_t] * 2
        for body in [b"", b"a", TEXT, MANY, MANY[:262144], MANY[:262145]]:
            for target in ["/compress", "/compress?level=1", "/compress?level=19"]:
                got = self.post(target, body)
                self.assertEqual((got.status, got.headers["content-type"]),
                                 (200, "application/zstd"))
                space = ctypes.create_string_buffer(len(body) + 1)
                size = zstd.ZSTD_decompress(space, len(body) + 1, got.body, len(got.body))
                self.assertTrue(size == len(body) and space.raw[:size] == body)
        self.assertLess(len(self.post("/compress", TEXT).body), len(TEXT) // 4)

    def test_long_bodies_go_to_the_compute_pool_in_pieces(self):
        for target in ["/hash", "/compress"]:
            tenant = "packs" + target[1:]
            with self.server.connect() as connection:
                connection.ask(target, "POST", MANY, Drama_Tenant=tenant)
            seen = json.loads(self.server.get("/debug/tenants", self.server.admin_port).text)
            calls = [each["compute_calls"] for each in seen["tenants"] if each["name"] == tenant]
            self.assertEqual(calls, [4])

    def test_levels_out_of_range_are_refused(self):
        for level in ["0", "20", "x", "-1", ""]:
            self.assertEqual(self.post("/compress?level=" + level, b"x").status, 400)


service.main()
