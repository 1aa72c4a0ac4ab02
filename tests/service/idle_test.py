# SPDX-License-Identifier: Apache-2.0
"""What idleness costs: memory of idle connections, wake-ups and CPU of an idle process."""
import os
import resource
import time
import unittest

import service

if service.SANITIZED:
    service.skip("sanitizers change memory and threads")

WANTED = 8000


def raise_limit():
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    return hard


def rss_bytes(server):
    with open(f"/proc/{server.pid}/statm", encoding="ascii") as text:
        return int(text.read().split()[1]) * os.sysconf("SC_PAGESIZE")


def wake_ups(server):
    return sum(int(line.split()[1]) for text in server.threads("status")
               for line in text.splitlines() if line.startswith("voluntary_ctxt_switches"))


def cpu_seconds(server):
    # schedstat counts nanoseconds; /proc/PID/stat would count ticks of 10 ms.
    return sum(int(text.split()[0]) for text in server.threads("schedstat")) / 1e9


class Idle(unittest.TestCase):
    def measure_rest(self, server):
        time.sleep(1)
        wakes, cpu = wake_ups(server), cpu_seconds(server)
        time.sleep(5)
        wakes, cpu = (wake_ups(server) - wakes) / 5, (cpu_seconds(server) - cpu) / 5
        print(f"idle: {wakes:.1f} wake-ups/s, {cpu * 100:.4f} % CPU")
        self.assertLessEqual(wakes, 10)
        self.assertLessEqual(cpu, 0.001)

    def test_an_idle_process_rests_and_idle_connections_cost_little(self):
        count = min(WANTED, raise_limit() - 200)
        with service.Server() as server:
            for _ in range(50):
                server.get("/echo")
            self.measure_rest(server)
            before = rss_bytes(server)
            connections = [server.connect() for _ in range(count)]
            for connection in connections:
                self.assertEqual(connection.ask("/echo").status, 200)
            each = (rss_bytes(server) - before) / count
            print(f"{count} idle connections: {each:.0f} bytes each")
            self.assertLessEqual(each, 1024)
            self.measure_rest(server)
            self.assertEqual(connections[count // 2].ask("/echo").status, 200)
            for connection in connections:
                connection.socket.close()


service.main()
