# SPDX-License-Identifier: Apache-2.0
"""ROS domains for tests that run side by side."""

from __future__ import annotations

import itertools
import os
from collections.abc import Iterator


def domains_of_worker(domains: range) -> Iterator[int]:
    """Domains of this worker, round and round: late words of one test do not reach the next."""
    workers = int(os.environ.get("PYTEST_XDIST_WORKER_COUNT", "1"))
    worker = int(os.environ.get("PYTEST_XDIST_WORKER", "gw0").removeprefix("gw"))
    return itertools.cycle(domains[worker % len(domains) :: workers])
