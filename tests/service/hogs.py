# SPDX-License-Identifier: Apache-2.0
"""Tenants that hog, a victim that measures, and what the machine runs meanwhile."""
import os
import threading
import time


def percentile(samples, share):
    return sorted(samples)[min(len(samples) - 1, int(share * len(samples)))]


class Hogs:
    """Connections of one tenant that each ask for the next hog as soon as one is done."""

    def __init__(self, server, count, target, real_time=True):
        self.ends = False
        self.answered = 0
        self.inherit_policy = real_time
        self.threads = [threading.Thread(target=self.run, args=(server, target))
                        for _ in range(count)]
        for thread in self.threads:
            thread.start()

    def run(self, server, target):
        if not self.inherit_policy:
            os.sched_setscheduler(0, os.SCHED_OTHER, os.sched_param(0))
        with server.connect(timeout=60) as connection:
            while not self.ends:
                if connection.ask(target, Drama_Tenant="hog").status == 200:
                    self.answered += 1

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.ends = True
        for thread in self.threads:
            thread.join()


def victim_latencies(server, seconds, period=0.01):
    """Seconds from the moment each request should have been sent."""
    samples = []
    with server.connect() as connection:
        begin = time.monotonic()
        while (due := begin + len(samples) * period) < begin + seconds > time.monotonic():
            time.sleep(max(0, due - time.monotonic()))
            connection.ask("/echo", Drama_Tenant="victim")
            samples.append(time.monotonic() - due)
    return samples


def running_threads(server):
    """Threads in state R, but for the watchdog, which looks for a few microseconds at a time."""
    stats = [text.rsplit(")", 1) for text in server.threads("stat")]
    return sum(1 for name, rest in stats if rest.split()[0] == "R" and "drama-watch" not in name)
