# SPDX-License-Identifier: Apache-2.0
"""The keyframe policy against the published code's decisions on 400 poses, gaps included."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from foundation_stereo_ros.errors import ConfigError
from foundation_stereo_ros.estimate.video.keyframes import Decision, KeyframeBuffer, KeyframeConfig

CASE = np.load(Path(__file__).parents[2] / "data" / "video_keyframes.npz")


@pytest.mark.parametrize("number", [1, 2, 3])
def test_decisions_and_views_are_the_published_ones(number: int) -> None:
    buffer: KeyframeBuffer[int] = KeyframeBuffer()
    decisions, chosen = [], []
    for index, pose in enumerate(CASE["poses"]):
        decision = buffer.judge(pose)
        decisions.append(decision)
        views = buffer.views(pose, number) if decision is Decision.KEYFRAME else []
        chosen.append([frame.content for frame in views] + [-1] * (number - len(views)))
        if decision in (Decision.FIRST, Decision.KEYFRAME):
            buffer.add(pose, index)
    assert decisions == CASE["response"].tolist()
    assert chosen == CASE[f"selected_n{number}"].tolist()
    assert {Decision.LOST, Decision.STILL_LOST, Decision.NO_POSE} <= set(decisions)


def test_after_clear_the_next_frame_is_the_first() -> None:
    buffer: KeyframeBuffer[None] = KeyframeBuffer(KeyframeConfig(size=2))
    for step in range(3):
        pose = np.eye(4)
        pose[0, 3] = step
        assert buffer.judge(pose) is (Decision.KEYFRAME if step else Decision.FIRST)
        buffer.add(pose, None)
    assert len(buffer) == 2
    buffer.clear()
    assert buffer.judge(np.eye(4)) is Decision.FIRST
    assert buffer.views(np.eye(4), 2) == []


def test_wrong_constants_are_named() -> None:
    with pytest.raises(ConfigError, match="keyframe size is 1; expected 2 or more"):
        KeyframeConfig(size=1)
