# SPDX-License-Identifier: Apache-2.0
"""A real browser reads what the server writes."""
import shutil
import subprocess
import unittest

import service

BROWSER = shutil.which("chromium-headless-shell") or shutil.which("chromium")
if BROWSER is None:
    service.skip("chromium is not installed")


class Browser(unittest.TestCase):
    def test_a_page_is_shown(self):
        with service.Server() as server:
            done = subprocess.run(
                [BROWSER, "--headless", "--no-sandbox", "--disable-gpu", "--dump-dom",
                 f"http://127.0.0.1:{server.port}/echo?bytes=20"],
                capture_output=True, text=True, timeout=60, check=False)
            self.assertIn("x" * 20, done.stdout, done.stderr)


service.main()
