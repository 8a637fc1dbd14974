# SPDX-License-Identifier: Apache-2.0
"""Waiting for what comes by itself, which every test does in this one way."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import TypeVar

PATIENCE_S = 90.0
"""What a test waits for comes within this time, or it fails; much, since many tests may share few cores."""

_T = TypeVar("_T")


def wait_until(what: str, condition: Callable[[], _T], timeout: float = PATIENCE_S) -> _T:
    """Wait until a condition is met, and return what it then gave.

    All that a test asserts of others' nodes and topics belongs into the condition: a part of it, such as the
    name of a node, may come after the rest.
    """
    end = time.monotonic() + timeout
    while not (found := condition()):
        assert time.monotonic() < end, f"not within {timeout:g} s: {what}"
        time.sleep(0.01)
    return found
