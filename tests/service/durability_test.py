# SPDX-License-Identifier: Apache-2.0
"""/files against loss: the order of system calls before an answer, and servers killed under load.

A killed process shows that names stand for whole files and that an answer comes after the name.
What a loss of power takes, the order shows: nothing is answered that was not synced before."""
import collections
import hashlib
import itertools
import os
import random
import re
import shutil
import subprocess
import sys
import tempfile
import threading
import time
import unittest

import service

KILLS = int(sys.argv[sys.argv.index("--kills") + 1]) if "--kills" in sys.argv else 2
CALLS = "mkdirat,mkdir,pwrite64,fdatasync,fsync,rename,renameat,renameat2,unlink,unlinkat,sendto,sendmsg"
Call = collections.namedtuple("Call", "begin end name text")


def read_trace(path):
    """The calls that succeeded, in order of their end; begin and end are places in the trace."""
    begun, calls = {}, []
    with open(path, encoding="latin-1") as trace:
        for place, line in enumerate(trace):
            if not line.endswith("\n"):
                break  # still being written
            thread, text = line.rstrip("\n").split(None, 1)
            if text.endswith("<unfinished ...>"):
                begun[thread] = (place, text.removesuffix("<unfinished ...>"))
                continue
            begin = place
            if text.startswith("<... "):
                begin, before = begun.pop(thread)
                text = before + text.split("resumed>", 1)[1]
            found = re.match(r"(\w+)\((.*)\)\s+= (\d+)", text)
            if found:
                calls.append(Call(begin, place, found[1], found[2]))
    return calls


def read_answers(path, count, seconds=20):
    """All calls, and those that send an answer of success. strace may write them a little later."""
    for _ in range(seconds * 50):
        calls = read_trace(path)
        answers = [call for call in calls
                   if call.name in ("sendto", "sendmsg") and '"HTTP/1.1 20' in call.text]
        if len(answers) >= count:
            break
        time.sleep(0.02)
    return calls, answers


class Order(unittest.TestCase):
    """With files on blocking threads every operation is a system call that strace sees. The same
    for the ring, in one process, is file_order_test.cpp."""

    def setUp(self):
        self.folder = tempfile.mkdtemp(prefix="drama_order_")
        self.addCleanup(shutil.rmtree, self.folder)

    def trace(self, requests):
        """For each request the calls that began after the answer before and ended before its own."""
        trace = self.folder + "/trace"
        if shutil.which("strace") is None or subprocess.run(
                ["strace", "-o", "/dev/null", "true"], capture_output=True, check=False).returncode:
            self.skipTest("no strace, or no right to use it")
        under = ["strace", "-D", "-f", "-y", "-s", "32", "-e", "trace=" + CALLS, "-o", trace]
        if service.SANITIZED:
            under = ["env", "ASAN_OPTIONS=detect_leaks=0", *under]
        with service.Server("--data", self.folder + "/data", "--io", "epoll", under=under) as server:
            with server.connect() as connection:
                for target, method, body, tenant in requests:
                    got = connection.ask(target, method, body, Drama_Tenant=tenant)
                    self.assertIn(got.status, (201, 204))
            self.assertEqual(server.stop(), 0)
        calls, answers = read_answers(trace, len(requests))
        self.assertEqual(len(answers), len(requests))
        befores = [-1] + [answer.begin for answer in answers]
        return [[call for call in calls if after < call.begin and call.end < answer.begin]
                for after, answer in zip(befores, answers)]

    def step(self, calls, after, name, *parts):
        """The first such call that begins after `after` has ended."""
        for call in calls:
            if call.begin > after.end and re.match(name, call.name) and all(
                    part in call.text for part in parts):
                return call
        self.fail(f"no {name} {parts} after {after} and before the answer, in {calls}")

    def test_content_name_and_folders_are_synced_before_the_answer(self):
        body = bytes(300_000)
        first, again, other, gone = self.trace([
            ("/files/a", "PUT", body, "one"), ("/files/a", "PUT", b"small", "one"),
            ("/files/b", "PUT", b"", "two"), ("/files/a", "DELETE", b"", "one")])
        root, start = self.folder + "/data/files", Call(-1, -1, "", "")
        for calls, tenant, name in ((first, "one", "a"), (again, "one", "a"), (other, "two", "b")):
            folder = f"{root}/t-{tenant}"
            synced = self.step(calls, start, "fdatasync", folder + "/.drama-put-")
            writes = [call for call in calls if call.name == "pwrite64"]
            self.assertTrue(all(write.end < synced.begin for write in writes))
            self.assertTrue(writes)  # of an empty file, its seal
            renamed = self.step(calls, synced, "rename", folder + "/.drama-put-",
                                f'"{folder}/{name}"')
            self.step(calls, renamed, "fsync", f"<{folder}>")
        for calls, tenant in ((first, "one"), (other, "two")):
            made = self.step(calls, start, "mkdir", f'"{root}/t-{tenant}"')
            self.step(calls, made, "fsync", f"<{root}>")
        made = self.step(first, start, "mkdir", f'"{self.folder}/data"')
        self.step(first, made, "fsync", f"<{self.folder}>")
        made = self.step(first, start, "mkdir", f'"{root}"')
        self.step(first, made, "fsync", f"<{self.folder}/data>")
        removed = self.step(gone, start, "unlink", f'"{root}/t-one/a"')
        self.step(gone, removed, "fsync", f"<{root}/t-one>")


class Put:
    """One change that was sent: a version (None: a removal), and when it was answered."""

    def __init__(self, version):
        self.version, self.sent, self.answered = version, time.monotonic(), None


def content_of(key, version):
    rng = random.Random(version)
    payload = f"{key} {version}\n".encode() + rng.randbytes(rng.choice([0, 100, 5000, 200_000]))
    return payload + hashlib.sha256(payload).hexdigest().encode()


class Kills(unittest.TestCase):
    CLIENTS, NAMES = 8, 12

    def load(self, server, number, history):
        rng, names = random.Random(next(self.versions)), range(self.NAMES)
        try:
            with server.connect() as connection:
                while True:
                    version = next(self.versions)
                    shared = rng.random() < 0.2
                    name = rng.choice(names)
                    tenant = f"new{version}" if rng.random() < 0.05 else f"t{name % 3}"
                    key = (tenant, f"all{name}" if shared else f"of{number}-{name}")
                    removes = not shared and rng.random() < 0.1
                    put = Put(None if removes else version)
                    history[key].append(put)
                    got = connection.ask("/files/" + key[1], "DELETE" if removes else "PUT",
                                         b"" if removes else content_of(key, version),
                                         Drama_Tenant=tenant)
                    if got.status not in ((204, 404) if removes else (201, 204)):
                        self.wrong.append(f"{key}: {got.status} {got.text}")
                    put.answered = time.monotonic()
        except (OSError, EOFError):
            pass  # killed

    def check(self, server, key, history):
        """Some change was the last one: none that was answered began after its answer."""
        with server.connect() as connection:
            got = connection.ask("/files/" + key[1], Drama_Tenant=key[0])
        found = None
        if got.status == 200:
            found = int(got.body.split(b"\n", 1)[0].rsplit(b" ", 1)[1])
            self.assertTrue(got.body == content_of(key, found), f"{key} {found} is torn")
        else:
            self.assertEqual(got.status, 404)
        last = [put for put in history if put.version == found]
        answered = [put.sent for put in history if put.answered is not None]
        ok = any(put.answered is None or all(sent <= put.answered for sent in answered)
                 for put in last) or (found is None and not answered)
        self.assertTrue(ok, f"{key}: found {found}, lost what was answered: "
                        f"{[(put.version, put.sent, put.answered) for put in history[-5:]]}")
        settled = Put(found)
        settled.answered = settled.sent
        return [settled]

    def run_kills(self, io):
        folder = tempfile.mkdtemp(prefix="drama_kills_")
        self.addCleanup(shutil.rmtree, folder)
        self.versions, self.wrong = itertools.count(1), []
        histories, answered, temporaries = {}, 0, 0
        for kill in range(KILLS + 1):
            with service.Server("--data", folder, "--io", io) as server:
                left = [each for _, _, files in os.walk(folder) for each in files
                        if each.startswith(".drama-put-")]
                self.assertEqual(left, [])
                histories = {key: self.check(server, key, puts) for key, puts in histories.items()}
                if kill == KILLS:
                    break
                # A dictionary of each client's own, so that none is changed by two threads.
                news = [collections.defaultdict(list) for _ in range(self.CLIENTS)]
                clients = [threading.Thread(target=self.load, args=(server, i, news[i]))
                           for i in range(self.CLIENTS)]
                for client in clients:
                    client.start()
                time.sleep(random.uniform(0.2, 0.8))
                server.process.kill()
                server.process.wait()
                for client in clients:
                    client.join()
                for new in news:
                    for key, puts in new.items():
                        histories[key] = histories.get(key, []) + puts
                        answered += sum(put.answered is not None for put in puts)
                temporaries += sum(each.startswith(".drama-put-")
                                   for _, _, files in os.walk(folder) for each in files)
        self.assertEqual(self.wrong, [])
        self.assertGreater(answered, 5 * KILLS)
        print(f"{io}: {KILLS} kills, {answered} changes answered, {len(histories)} names, "
              f"{temporaries} temporary files left and removed")

    def test_what_was_answered_is_there_after_kills_on_epoll(self):
        self.run_kills("epoll")

    def test_what_was_answered_is_there_after_kills_on_the_ring(self):
        try:
            service.Server("--io", "uring").__exit__()
        except RuntimeError as error:
            self.skipTest(str(error))
        self.run_kills("uring")


service.main()
