# SPDX-License-Identifier: Apache-2.0
"""Waiting for what comes by itself, which every test does in this one way."""

from __future__ import annotations

import signal
import time
from collections.abc import Callable
from typing import Any, TypeVar

PATIENCE_S = 90.0
"""What a test waits for comes within this time, or it fails; much, since many tests may share few cores."""

SOON_S = 2.0
"""Within this time a node has ended after a signal ..."""

SLACK_S = 8.0
"""... and this much more is given to machines with more to do."""

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


def ends_well(node: Any, number: int = signal.SIGINT, times: int = 1) -> None:
    """Send a node a signal; it ends in time, with code 0 and without a trace of Python or C++ in its log."""
    begin = time.monotonic()
    for _ in range(times):
        node.popen.send_signal(number)
    code = node.wait(SOON_S + SLACK_S)
    assert code == 0, f"ended with {code} after {time.monotonic() - begin:.1f} s; its log:\n{node.log}"
    assert "Traceback" not in str(node.log)
    assert "terminate called" not in str(node.log)
