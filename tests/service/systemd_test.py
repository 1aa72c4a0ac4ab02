# SPDX-License-Identifier: Apache-2.0
"""What systemd does to a service and hears of it: sockets that it passes, and its notifications."""
import os
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
import unittest
from pathlib import Path

import service

PACKAGING = Path(__file__).resolve().parents[2] / "packaging"

# Puts the sockets where systemd would, says whom they are for, and becomes the program.
LAUNCH = """
import os, sys
count = int(sys.argv[1])
for i, fd in enumerate(int(word) for word in sys.argv[2:2 + count]):
    os.dup2(fd, 100 + i)
os.closerange(3, 100)
for i in range(count):
    os.dup2(100 + i, 3 + i)
os.environ.setdefault("LISTEN_PID", str(os.getpid()))
os.execv(sys.argv[2 + count], sys.argv[2 + count:])
"""


def listening(kind=socket.AF_INET):
    made = socket.socket(kind)
    made.bind(("127.0.0.1" if kind == socket.AF_INET else "::1", 0))
    made.listen(64)
    return made


class Manager:
    """The socket of NOTIFY_SOCKET."""

    def __init__(self, address):
        self.socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self.socket.bind(address)
        self.socket.settimeout(20)

    def next(self):
        """One datagram as {name: value}; the watchdog's are left out."""
        while True:
            text = self.socket.recv(65536).decode()
            told = dict(line.split("=", 1) for line in text.split("\n"))
            if "WATCHDOG" not in told:
                return told


class Systemd(unittest.TestCase):
    def setUp(self):
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.folder = folder.name

    def manager(self, address=None):
        made = Manager(address or os.path.join(self.folder, "notify"))
        self.addCleanup(made.socket.close)
        return made

    def start(self, *flags, sockets=(), **variables):
        """A server with these inherited sockets and variables."""
        given = {"LISTEN_FDS": str(len(sockets)), **variables} if sockets else variables
        numbers = [each.fileno() for each in sockets]
        under = [sys.executable, "-c", LAUNCH, str(len(numbers)), *map(str, numbers)]
        server = service.Server(*flags, under=under if sockets else (), pass_fds=numbers,
                                env={**os.environ, **given})
        self.addCleanup(server.__exit__)
        return server

    def refused(self, **variables):
        """What a server with these variables says instead of starting."""
        with self.assertRaises(RuntimeError) as seen:
            self.start(**variables)
        return str(seen.exception)

    # Sockets

    def test_it_serves_at_the_socket_that_was_passed(self):
        for kind in (socket.AF_INET, socket.AF_INET6):
            with listening(kind) as passed:
                server = self.start("--listen", "127.0.0.1:1", sockets=[passed],
                                    LISTEN_FDNAMES="drama.socket")
                host, port = passed.getsockname()[:2]
                self.assertIn(f":{port} ", server.ready)
                with socket.create_connection((host, port), 20) as client:
                    client.sendall(service.request("/healthz"))
                    self.assertIn(b" 200 ", client.recv(65536))

    def test_connections_made_before_it_started_are_served(self):
        with listening() as passed, socket.create_connection(passed.getsockname(), 20) as early:
            early.sendall(service.request("/echo?bytes=3"))
            self.start(sockets=[passed])
            self.assertTrue(early.recv(65536).endswith(b"xxx"))

    def test_the_socket_outlives_the_server(self):
        with listening() as passed:
            first = self.start(sockets=[passed])
            self.assertEqual(first.stop(), 0)
            with socket.create_connection(passed.getsockname(), 20) as between:
                between.sendall(service.request("/echo?bytes=3"))
                self.start(sockets=[passed])
                self.assertTrue(between.recv(65536).endswith(b"xxx"))

    def test_the_socket_called_admin_is_the_operators(self):
        with listening() as admin, listening() as passed:
            server = self.start("--admin", "off", sockets=[admin, passed],
                                LISTEN_FDNAMES="admin:http")
            port = admin.getsockname()[1]
            self.assertEqual(server.get("/debug/runtime", port).status, 200)
            self.assertEqual(server.get("/debug/runtime", passed.getsockname()[1]).status, 404)

    def test_sockets_for_another_process_are_left_alone(self):
        with listening() as passed:
            server = self.start(sockets=[passed], LISTEN_PID="1")
            self.assertNotIn(f":{passed.getsockname()[1]} ", server.ready)
            self.assertEqual(server.get("/healthz").status, 200)

    def test_no_child_of_its_would_have_the_socket(self):
        with listening() as passed:
            server = self.start(sockets=[passed])
            with open(f"/proc/{server.pid}/fdinfo/3", encoding="ascii") as info:
                flags = next(line for line in info if line.startswith("flags:"))
            self.assertTrue(int(flags.split()[1], 8) & os.O_CLOEXEC)

    def test_what_it_cannot_serve_at_is_one_line(self):
        with listening() as one, listening() as two, listening() as three, \
                socket.socket() as deaf, socket.socket(socket.AF_UNIX) as local:
            local.bind(os.path.join(self.folder, "local"))
            local.listen()
            for sockets, names, said in [
                    ([one, two], "a:b", "two sockets were passed to serve at"),
                    ([one, two, three], "admin:x:admin", "two sockets were passed as 'admin'"),
                    ([one, two], "a", "LISTEN_FDNAMES: has 1 names for 2 sockets"),
                    ([deaf], "a", "cannot listen at the socket that was passed"),
                    ([local], "a", "cannot listen at the socket that was passed")]:
                log = self.refused(sockets=sockets, LISTEN_FDNAMES=names)
                self.assertIn(said, log)
                self.assertEqual(log.count("\n"), 1, log)
            for number in ("x", "-1", "65", ""):
                self.assertIn("LISTEN_FDS: '", self.refused(sockets=[one], LISTEN_FDS=number))
            self.assertIn("LISTEN_PID: 'x'", self.refused(sockets=[one], LISTEN_PID="x"))
            self.assertIn("descriptor 4: Bad file", self.refused(sockets=[one], LISTEN_FDS="8"))

    def test_a_listener_that_breaks_ends_it(self):
        with listening() as passed:
            server = self.start(sockets=[passed])
            self.assertEqual(server.get("/healthz", passed.getsockname()[1]).status, 200)
            passed.shutdown(socket.SHUT_RDWR)
            self.assertEqual(server.process.wait(20), 1)
            self.assertIn("serving ended at", server.hear("serving ended"))

    # Notifications

    def test_it_tells_when_it_is_ready_and_when_it_ends(self):
        for address in (None, "\0drama-test-" + str(os.getpid())):
            manager = self.manager(address)
            name = manager.socket.getsockname()
            server = self.start(NOTIFY_SOCKET=name if address is None else "@" + address[1:])
            told = manager.next()
            self.assertEqual(told["READY"], "1")
            self.assertEqual(told["STATUS"], f"serving at http://127.0.0.1:{server.port}")
            self.assertEqual(server.get("/healthz").status, 200)
            server.process.send_signal(signal.SIGTERM)
            told = manager.next()
            self.assertEqual((told["STOPPING"], told["STATUS"]), ("1", "draining"))
            self.assertEqual(server.process.wait(20), 0)

    def test_a_reload_is_told_with_its_time_and_its_outcome(self):
        manager, file = self.manager(), os.path.join(self.folder, "drama.toml")
        tokens = "[[tenant]]\nname = 'a'\ntokens = ['sesame']\n"
        Path(file).write_text("", encoding="utf-8")
        server = self.start("--config", file, NOTIFY_SOCKET=manager.socket.getsockname())
        manager.next()
        for text, said in [(tokens, "1 tenants with 1 tokens"),
                           ("drain_ms = 'sesame'", f"{file}:1:12: drain_ms is a string")]:
            Path(file).write_text(text, encoding="utf-8")
            before = time.clock_gettime_ns(time.CLOCK_MONOTONIC) // 1000
            server.process.send_signal(signal.SIGHUP)
            told = manager.next()
            self.assertEqual(told["RELOADING"], "1")
            self.assertGreaterEqual(int(told["MONOTONIC_USEC"]), before)
            after = time.clock_gettime_ns(time.CLOCK_MONOTONIC) // 1000
            self.assertLessEqual(int(told["MONOTONIC_USEC"]), after)
            told = manager.next()
            self.assertEqual(told["READY"], "1")
            self.assertIn(said, told["STATUS"])
            self.assertNotIn("sesame", told["STATUS"])

    def test_the_watchdog_is_fed(self):
        manager = self.manager()
        self.start(NOTIFY_SOCKET=manager.socket.getsockname(), WATCHDOG_USEC="400000")
        fed = 0
        for _ in range(20):
            fed += manager.socket.recv(65536) == b"WATCHDOG=1"
            if fed == 5:
                break
        self.assertEqual(fed, 5)

    def test_a_manager_that_is_gone_is_named_and_nothing_else(self):
        gone = os.path.join(self.folder, "gone")
        server = self.start(NOTIFY_SOCKET=gone)
        self.assertIn("cannot tell NOTIFY_SOCKET: No such file", server.hear("NOTIFY_SOCKET"))
        self.assertEqual(server.get("/healthz").status, 200)
        self.assertEqual(server.stop(), 0)

    def test_wrong_variables_are_one_line(self):
        for address in ("notify", "vsock:2:1", "/", "/" + "n" * 107):
            log = self.refused(NOTIFY_SOCKET=address)
            self.assertIn("NOTIFY_SOCKET: '" + address, log)
            self.assertEqual(log.count("\n"), 1, log)
        manager = self.manager()
        self.assertIn("WATCHDOG_USEC: 'soon'", self.refused(
            NOTIFY_SOCKET=manager.socket.getsockname(), WATCHDOG_USEC="soon"))

    # Units

    def test_the_units_are_valid(self):
        tool = shutil.which("systemd-analyze")
        if tool is None:
            self.skipTest("no systemd-analyze")
        for name in ("drama.service", "drama.socket"):
            text = (PACKAGING / name).read_text(encoding="utf-8")
            text = text.replace("ExecStart=drama ", f"ExecStart={os.path.abspath(service.PROGRAM)} ")
            Path(self.folder, name).write_text(text, encoding="utf-8")
        done = subprocess.run([tool, "verify", "--man=no", "--recursive-errors=no",
                               *(os.path.join(self.folder, name)
                                 for name in ("drama.service", "drama.socket"))],
                              capture_output=True, text=True, timeout=60, check=False)
        self.assertEqual((done.returncode, done.stderr), (0, ""))

    def test_the_example_configuration_is_valid_and_has_every_setting(self):
        file = PACKAGING / "drama.toml"
        done = subprocess.run([service.PROGRAM, "serve", "--check-config", file], timeout=30,
                              capture_output=True, text=True, check=False)
        self.assertEqual((done.returncode, done.stderr), (0, ""))
        text = file.read_text(encoding="utf-8")
        shown = subprocess.run([service.PROGRAM, "serve", "--help"], timeout=30,
                               capture_output=True, text=True, check=True).stdout
        keys = {line.split()[0][2:].removeprefix("no-").replace("-", "_")
                for line in shown.split("\n") if line.startswith("  --")}
        for key in keys - {"config", "check_config", "help"}:
            self.assertRegex(text, rf"(?m)^#? ?{key} = ", key)


service.main()
