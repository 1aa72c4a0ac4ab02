# SPDX-License-Identifier: Apache-2.0
"""Tenants that hog, a victim that measures, and what the machine runs meanwhile."""
import os
import threading
import time


def percentile(samples, share):
    return sorted(samples)[min(len(samples) - 1, int(share * len(samples)))]


class Client:
    """A connection that is made anew when the server closed it: one that is saturated may. A server
    that has ended refuses to connect, which is an error."""

    def __init__(self, server, timeout=20):
        self.server, self.timeout, self.connection = server, timeout, None

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()

    def close(self):
        if self.connection is not None:
            self.connection.socket.close()
            self.connection = None

    def ask(self, target, **headers):
        while True:
            try:
                if self.connection is None:
                    self.connection = self.server.connect(timeout=self.timeout)
                return self.connection.ask(target, **headers)
            except (ConnectionResetError, BrokenPipeError, EOFError):
                self.close()
                time.sleep(0.01)


class HogProcess:
    """The same in a process of its own, so that a victim here never waits for their interpreter."""

    def __init__(self, server, count, target):
        self.stop_read, self.stop_write = os.pipe()
        self.pid = os.fork()
        if self.pid == 0:
            os.close(self.stop_write)
            with Hogs(server, count, target):
                os.read(self.stop_read, 1)
            os._exit(0)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        os.close(self.stop_write)
        os.close(self.stop_read)
        os.waitpid(self.pid, 0)


class Hogs:
    """Connections of one tenant that each ask for the next hog as soon as one is done."""

    def __init__(self, server, count, target):
        self.ends = False
        self.answered = 0
        self.threads = [threading.Thread(target=self.run, args=(server, target))
                        for _ in range(count)]
        for thread in self.threads:
            thread.start()

    def run(self, server, target):
        with Client(server, timeout=60) as client:
            while not self.ends:
                if client.ask(target, Drama_Tenant="hog").status == 200:
                    self.answered += 1

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.ends = True
        for thread in self.threads:
            thread.join()


def become_real_time():
    """For a victim's thread: its own delays are not what is measured. Says how it went."""
    try:
        os.sched_setscheduler(0, os.SCHED_FIFO, os.sched_param(1))
        return "SCHED_FIFO"
    except PermissionError:
        return "at normal priority"


def become_normal():
    os.sched_setscheduler(0, os.SCHED_OTHER, os.sched_param(0))


def victim_latencies(server, seconds, period=0.01):
    """Seconds from the moment each request should have been sent."""
    samples = []
    with Client(server) as client:
        begin = time.monotonic()
        while (due := begin + len(samples) * period) < begin + seconds > time.monotonic():
            time.sleep(max(0, due - time.monotonic()))
            client.ask("/echo", Drama_Tenant="victim")
            samples.append(time.monotonic() - due)
    return samples


def running_threads(server):
    """Threads in state R, but for the watchdog, which looks for a few microseconds at a time."""
    stats = [text.rsplit(")", 1) for text in server.threads("stat")]
    return sum(1 for name, rest in stats if rest.split()[0] == "R" and "drama-watch" not in name)
