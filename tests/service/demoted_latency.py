# SPDX-License-Identifier: Apache-2.0
"""What a victim sees beside 16 hogs that lost their cores and burn without permits, on each IO
backend. Prints figures, judges nothing: docs/decisions/0003-sockets-on-epoll.md quotes it."""
import time

import service
from hogs import (HogProcess, become_normal, become_real_time, percentile, running_threads,
                  victim_latencies)

for backend in ("epoll", "uring"):
    with service.Server("--workers", "2", "--admin", "off", "--io", backend,
                        "--no-permit-check") as server:
        samples, burning = [], []
        with HogProcess(server, 16, "/hog?ms=1000"):
            become_real_time()
            time.sleep(2)
            for _ in range(6):
                samples += victim_latencies(server, 5, 0.005)
                burning.append(running_threads(server))
            become_normal()
    print(f"{backend}: {len(samples)} samples, " + ", ".join(
        f"p{100 * share:g} {percentile(samples, share) * 1e6:.0f} us"
        for share in (0.5, 0.99, 0.999)) + f", threads in R {min(burning)}-{max(burning)}")
