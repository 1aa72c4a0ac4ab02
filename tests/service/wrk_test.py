# SPDX-License-Identifier: Apache-2.0
"""wrk for two seconds on each backend: no error, no answer but 200."""
import re
import shutil
import subprocess
import unittest

import service

if shutil.which("wrk") is None:
    service.skip("wrk is not installed")


class Load(unittest.TestCase):
    def run_wrk(self, io):
        with service.Server("--io", io) as server:
            url = f"http://127.0.0.1:{server.port}/echo"
            done = subprocess.run(["wrk", "-t1", "-c32", "-d2s", "--latency", url],
                                  capture_output=True, text=True, timeout=30, check=False)
            self.assertNotIn("Non-2xx", done.stdout)
            self.assertNotIn("Socket errors", done.stdout)
            rate = float(re.search(r"Requests/sec:\s+([\d.]+)", done.stdout).group(1))
            print(f"{io}: {rate:.0f} requests/s")
            self.assertGreater(rate, 100 if service.SANITIZED else 2000)
            self.assertEqual(server.stop(), 0)

    def test_epoll_serves_without_error(self):
        self.run_wrk("epoll")

    def test_uring_serves_without_error(self):
        self.run_wrk("uring")


service.main()
