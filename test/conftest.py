# SPDX-License-Identifier: Apache-2.0
"""What all tests share: where the sources are, how many threads a test may use, and what a skip means."""

from __future__ import annotations

import importlib
import os
import signal
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

# The tests run side by side: threads of their own only get in each other's way. Set before torch is loaded.
os.environ.setdefault("OMP_NUM_THREADS", "1")

# A job that a script starts with `&` ignores Ctrl-C, and so do its children. Tests interrupt themselves and
# the processes they start; those get the default back where this process has a handler.
if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
    signal.signal(signal.SIGINT, signal.default_int_handler)


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--no-skips", action="store_true", help="a test that is skipped has failed")


@pytest.fixture(scope="session")
def root() -> Path:
    """The top of the source tree."""
    return Path(__file__).parent.parent


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    marked = [item for item in items if item.get_closest_marker("ros")]
    try:
        # Finding it says too little: a sourced ROS may be built for another Python.
        if marked:
            importlib.import_module("rclpy")
    except ImportError as error:
        for item in marked:
            item.add_marker(pytest.mark.skip(reason=f"no ROS here: {error}"))


@pytest.hookimpl(hookwrapper=True)
def pytest_runtest_makereport(item: pytest.Item) -> Iterator[None]:
    outcome: Any = yield
    report: pytest.TestReport = outcome.get_result()
    if report.skipped and not hasattr(report, "wasxfail") and item.config.getoption("--no-skips"):
        report.outcome = "failed"
        report.longrepr = report.longrepr[2]  # "Skipped: " and the reason
