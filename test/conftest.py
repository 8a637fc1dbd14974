# SPDX-License-Identifier: Apache-2.0
"""What all tests share: where the sources are, and how many threads a test may use."""

from __future__ import annotations

import importlib
import os
from pathlib import Path

import pytest

# The tests run side by side: threads of their own only get in each other's way. Set before torch is loaded.
os.environ.setdefault("OMP_NUM_THREADS", "1")


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
