# SPDX-License-Identifier: Apache-2.0
"""`drama demo` ends, explains itself and writes the JSON that others read."""
import json
import os
import subprocess
import tempfile
import unittest

import service


class Demo(unittest.TestCase):
    def test_a_short_run_reports_every_row(self):
        with tempfile.TemporaryDirectory() as folder:
            path = os.path.join(folder, "rows.json")
            done = subprocess.run(
                [service.PROGRAM, "demo", "--quick", "--seconds", "1", "--rounds", "1",
                 "--only", "hog", "--json", path],
                capture_output=True, text=True, timeout=100, check=False)
            self.assertEqual(done.returncode, 0, done.stderr)
            with open(path, encoding="utf-8") as file:
                rows = [json.loads(line) for line in file]
        self.assertIn("a small tenant's slowest request in a hundred", done.stdout)
        self.assertEqual({row["policy"] for row in rows}, {"fair", "fifo", "plain"})
        self.assertEqual({row["backend"] for row in rows}, {"epoll", "uring"})
        for row in rows:
            self.assertEqual(row["scenario"], "hog")
            self.assertEqual(set(row["neighbour"]), {"alone_per_s", "together_per_s"})
            for kind in ("alone", "victim"):
                self.assertEqual(set(row[kind]), {"p50_us", "p99_us", "p999_us", "samples"})
            self.assertIn("p99_ratio", row)
            self.assertGreaterEqual(row["dropped_segments"], 0)
        plain = next(row for row in rows if row["policy"] == "plain")
        if plain["p99_ratio"] is not None:  # else the host took the CPU from all of its segments
            self.assertGreater(plain["p99_ratio"], 5, "hogs without the hand-over must hurt")

    def run_one(self, name):
        """The rows of one neighbour; the demonstration leaves no file behind."""
        with tempfile.TemporaryDirectory() as folder:
            path = os.path.join(folder, "rows.json")
            files = os.path.join(folder, "files")
            os.mkdir(files)
            done = subprocess.run(
                [service.PROGRAM, "demo", "--quick", "--seconds", "1", "--rounds", "1",
                 "--only", name, "--json", path],
                capture_output=True, text=True, timeout=100, check=False,
                env={**os.environ, "TMPDIR": files})
            self.assertEqual(done.returncode, 0, done.stderr)
            self.assertEqual(os.listdir(files), [])
            with open(path, encoding="utf-8") as file:
                rows = [json.loads(line) for line in file]
        self.assertEqual([row["policy"] for row in rows], ["fair", "fifo"])
        # A build that is twenty times slower may not answer at all beside such neighbours.
        for row in rows if not service.SANITIZED else ():
            self.assertGreater(row["victim"]["samples"] + row["dropped_segments"], 0)
        return rows

    def test_a_neighbour_of_the_disk_writes_and_leaves_nothing(self):
        for row in self.run_one("fsync"):
            self.assertGreater(row["neighbour"]["alone_per_s"], 0)
            self.assertEqual(row["errors"], 0)

    def test_several_neighbours_have_no_figure_of_their_own(self):
        for row in self.run_one("mixed"):
            self.assertIsNone(row["neighbour"])


service.main()
