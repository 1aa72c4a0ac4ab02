# SPDX-License-Identifier: Apache-2.0
"""The promise about hogs at full length: a tenant asks for /hog?ms=1000 back to back for 30 s, and
another one's latency stays what it is alone. Alone and together alternate in segments of 5 s."""
import os
import time
import unittest

import service
from hogs import (HogProcess, Hogs, become_normal, become_real_time, percentile, running_threads,
                  victim_latencies)

WORKERS = 2
SEGMENT = float(os.environ.get("DRAMA_SOAK_SEGMENT", "5"))
SEGMENTS = 6
PERIOD = 0.005


class HogSoak(unittest.TestCase):
    def test_latency_beside_hogs_of_a_second(self):
        alone, together = [], []
        with service.Server("--workers", str(WORKERS), "--admin", "off") as server:
            for _ in range(SEGMENTS):
                client = become_real_time()  # not before: server and hogs must not inherit it
                alone += victim_latencies(server, SEGMENT, PERIOD)
                become_normal()
                with HogProcess(server, 4, "/hog?ms=1000"):
                    time.sleep(0.2)
                    become_real_time()
                    together += victim_latencies(server, SEGMENT, PERIOD)
                    become_normal()
        for name, samples in (("alone", alone), ("together", together)):
            print(f"{name}: {len(samples)} samples, " + ", ".join(
                f"p{100 * share:g} {percentile(samples, share) * 1000:.2f} ms"
                for share in (0.5, 0.99, 0.999)) + f", client {client}")
        self.assertLessEqual(percentile(together, 0.99), percentile(alone, 0.99) + 0.003)
        self.assertLessEqual(percentile(together, 0.999), 0.050)

    def test_threads_of_64_and_256_hogs(self):
        limit = len(os.sched_getaffinity(0)) + WORKERS
        for count in (64, 256):
            with service.Server("--workers", str(WORKERS), "--admin", "off") as server:
                with Hogs(server, count, "/hog?ms=30") as hogs:
                    time.sleep(1)
                    counts = []
                    for _ in range(500):
                        counts.append(running_threads(server))
                        time.sleep(0.01)
                threads = len(server.threads("stat"))
            print(f"{count} hogs: threads in R p95 {percentile(counts, 0.95)}, at most "
                  f"{max(counts)}, limit {limit}; {threads} threads in all; "
                  f"{hogs.answered} hogs served")
            self.assertLessEqual(percentile(counts, 0.95), limit)
            # Read one after the other: one that took over meanwhile is counted beside its like.
            self.assertLessEqual(max(counts), limit + 2)


service.main()
