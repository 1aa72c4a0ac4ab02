# SPDX-License-Identifier: Apache-2.0
"""A tenant that hogs workers does not stop another one, and does not fill the machine with threads.
Without the hand-over it does: the check that finds nothing wrong would see it."""
import os
import time
import unittest

import service
from hogs import Hogs, percentile, running_threads, victim_latencies

WORKERS = 2


class Hog(unittest.TestCase):
    def stalls_of(self, seconds, *flags):
        with service.Server("--workers", str(WORKERS), *flags) as server:
            with Hogs(server, 4, "/hog?ms=1000"):
                time.sleep(0.5)
                samples = victim_latencies(server, seconds)
        print(f"{flags}: victim p50 {percentile(samples, 0.5) * 1000:.2f} ms, "
              f"p99 {percentile(samples, 0.99) * 1000:.1f} ms, "
              f"p99.9 {percentile(samples, 0.999) * 1000:.1f} ms")
        return samples

    def test_a_victim_is_answered_while_others_hog_for_seconds(self):
        samples = self.stalls_of(8)
        self.assertLess(percentile(samples, 0.5), 0.02)
        self.assertLess(percentile(samples, 0.999), 0.3)

    def test_without_the_hand_over_the_victim_waits_for_the_hogs(self):
        samples = self.stalls_of(3, "--no-hand-over")
        self.assertGreater(max(samples), 0.5)

    def test_hogs_do_not_pile_up_threads(self):
        limit = len(os.sched_getaffinity(0)) + WORKERS
        with service.Server("--workers", str(WORKERS), "--admin", "off") as server:
            with Hogs(server, 64, "/hog?ms=30") as hogs:
                time.sleep(1)
                counts = []
                for _ in range(200):
                    counts.append(running_threads(server))
                    time.sleep(0.01)
            threads = len(server.threads("stat"))
        print(f"64 hogs: at most {max(counts)} threads run, limit {limit}; {threads} threads in "
              f"all; {hogs.answered} hogs served")
        # Threads are read one after the other: one that just took over may be counted beside the
        # one that gave way.
        self.assertLessEqual(percentile(counts, 0.95), limit)
        self.assertLessEqual(max(counts), limit + 2)
        self.assertGreater(hogs.answered, 20)


service.main()
