# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

from pathlib import Path

import pytest

from foundation_stereo_ros.ros.dds.host import receive_buffer_advice


@pytest.mark.parametrize(("limit", "told"), [("212992\n", True), ("67108864\n", False), ("?", False)])
def test_small_receive_buffers_are_told(tmp_path: Path, limit: str, told: bool) -> None:
    path = tmp_path / "rmem_max"
    path.write_text(limit)
    advice = receive_buffer_advice(path)
    assert bool(advice) is told
    assert not told or ("212992 bytes" in advice and "sysctl -w net.core.rmem_max" in advice)


def test_systems_without_such_a_limit(tmp_path: Path) -> None:
    assert receive_buffer_advice(tmp_path / "none") == ""
