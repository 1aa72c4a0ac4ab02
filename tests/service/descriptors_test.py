# SPDX-License-Identifier: Apache-2.0
"""At its limit of descriptors the server does not spin, and it serves again as soon as some are
free."""
import shutil
import time
import unittest

import service

if shutil.which("prlimit") is None:
    service.skip("prlimit is not installed")

LIMIT = 100
CLIENTS = 250
# A share of a CPU, and seconds. A sanitizer makes all of it slower; a server that spins uses 1.
MOST_CPU, LONGEST_RECOVERY = (0.25, 0.5) if service.SANITIZED else (0.05, 0.1)


def cpu_seconds(server):
    return sum(int(text.split()[0]) for text in server.threads("schedstat")) / 1e9


class Descriptors(unittest.TestCase):
    def crowd(self, server):
        """More connections than the server may have; those that it took have an answer."""
        clients = [server.connect(timeout=1) for _ in range(CLIENTS)]
        for client in clients:
            try:
                client.send(service.request("/echo"))
            except OSError:
                pass  # refused with the help of the reserve
        time.sleep(0.3)
        return clients

    def recovery(self, server, clients):
        """Seconds from the end of the crowd to the answer of a newcomer."""
        for client in clients:
            client.socket.close()
        began = time.monotonic()
        while True:
            try:
                self.assertEqual(server.get("/echo").status, 200)
                return time.monotonic() - began
            except (OSError, EOFError):
                self.assertLess(time.monotonic() - began, 5)

    def run_on(self, io):
        with service.Server("--io", io, under=("prlimit", f"--nofile={LIMIT}:{LIMIT}")) as server:
            recoveries = []
            for _ in range(3):
                clients = self.crowd(server)
                before = cpu_seconds(server)
                time.sleep(1)
                used = cpu_seconds(server) - before
                recoveries.append(self.recovery(server, clients))
                print(f"{io}: {used * 100:.2f} % CPU at the limit, "
                      f"served again after {recoveries[-1] * 1000:.1f} ms")
                self.assertLess(used, MOST_CPU)
            # The machine may be busy; the server is not what takes longer.
            self.assertLess(min(recoveries), LONGEST_RECOVERY)

    def test_on_epoll(self):
        self.run_on("epoll")

    def test_on_uring(self):
        self.run_on("uring")


service.main()
