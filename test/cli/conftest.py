# SPDX-License-Identifier: Apache-2.0
"""The commands run in the tests' own process, whose heap should stay as it is."""

import pytest


@pytest.fixture(autouse=True)
def heap(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Return what is filled with an entry for each call of `keep_freed_memory`, which does nothing."""
    calls: list[str] = []
    monkeypatch.setattr("foundation_stereo_ros.estimate.heap.keep_freed_memory", lambda: calls.append("kept"))
    return calls
