# SPDX-License-Identifier: Apache-2.0
"""Which frames of a posed video are keyframes, and which of them a new one is compared with.

The policy of DeepVideoMVS (arXiv 2012.02177, section 3.1).
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from enum import IntEnum
from typing import Generic, TypeVar

import numpy as np

from foundation_stereo_ros.errors import check_fields
from foundation_stereo_ros.geometry.poses import is_known, pose_distance
from foundation_stereo_ros.shapes import Matrix

T = TypeVar("T")


@dataclass(frozen=True)
class KeyframeConfig:
    """Constants of the policy; the defaults are the published ones.

    Attributes:
        size: keyframes that are kept, the newest included.
        distance: combined pose distance from the last keyframe from which on a frame becomes one.
        optimal_translation: metres between two views that suit the plane sweep best.
        short_penalty: factor of the penalty of less than that.
        patience: frames without a pose after which tracking counts as lost.

    Raises:
        ConfigError: a value is out of its range.
    """

    size: int = 30
    distance: float = 0.1
    optimal_translation: float = 0.15
    short_penalty: float = 5.0
    patience: int = 30

    def __post_init__(self) -> None:
        checks = [
            ("size", self.size >= 2, "2 or more"),
            ("distance", self.distance > 0, "a positive number"),
            ("optimal_translation", self.optimal_translation >= 0, "0 or more metres"),
            ("short_penalty", self.short_penalty > 0, "a positive number"),
            ("patience", self.patience >= 0, "0 or more frames"),
        ]
        check_fields("keyframe", self, checks)


class Decision(IntEnum):
    """What a frame is; the numbers are those of the published code's answers."""

    FIRST = 0  # a keyframe without another to compare it with
    KEYFRAME = 1
    TOO_NEAR = 2
    LOST = 3  # too many frames without a pose: everything is forgotten
    STILL_LOST = 4
    NO_POSE = 5


@dataclass(frozen=True)
class Keyframe(Generic[T]):
    """A keyframe.

    Attributes:
        pose: 4 x 4, from camera to world, metres.
        content: what the caller keeps of it.
    """

    pose: Matrix
    content: T


class KeyframeBuffer(Generic[T]):
    """Decides frame by frame, and keeps the last keyframes.

    Args:
        config: constants.
    """

    def __init__(self, config: KeyframeConfig | None = None) -> None:
        self.config = config or KeyframeConfig()
        self._frames: deque[Keyframe[T]] = deque(maxlen=self.config.size)
        self._missing = 0

    def __len__(self) -> int:
        return len(self._frames)

    def judge(self, pose: Matrix) -> Decision:
        """Decide about the next frame of the video; a keyframe is to be given to `add`.

        Args:
            pose: 4 x 4, from camera to world; with NaN or infinity where tracking has none.
        """
        if not is_known(pose):
            self._missing += 1
            if self._missing <= self.config.patience:
                return Decision.NO_POSE
            known = bool(self._frames)
            self._frames.clear()
            return Decision.LOST if known else Decision.STILL_LOST
        self._missing = 0
        if not self._frames:
            return Decision.FIRST
        near = pose_distance(pose, self._frames[-1].pose).combined < self.config.distance
        return Decision.TOO_NEAR if near else Decision.KEYFRAME

    def add(self, pose: Matrix, content: T) -> None:
        """Keep a keyframe; the oldest goes where there is no room."""
        self._frames.append(Keyframe(np.asarray(pose, np.float64), content))

    def replace(self, change: Callable[[T], T]) -> None:
        """Put something else in place of what the caller keeps of each keyframe."""
        frames = [Keyframe(frame.pose, change(frame.content)) for frame in self._frames]
        self._frames = deque(frames, maxlen=self.config.size)

    def clear(self) -> None:
        """Forget all, as when another video begins."""
        self._frames.clear()
        self._missing = 0

    def views(self, pose: Matrix, number: int) -> list[Keyframe[T]]:
        """Return the keyframes that suit best to compare a view with; fewer where there are fewer.

        Args:
            pose: of that view.
            number: how many are wanted.
        """
        penalties = np.array([self._penalty(pose, frame.pose) for frame in self._frames])
        number = min(number, len(penalties))
        if not number:
            return []
        # The published code's order among more than two: what the sum over views is rounded by.
        order = np.argpartition(penalties, number - 1)[:number]
        return [self._frames[i] for i in order]

    def _penalty(self, pose: Matrix, other: Matrix) -> float:
        _, rotation, translation = pose_distance(pose, other)
        missed = translation - self.config.optimal_translation
        factor = self.config.short_penalty if missed < 0 else 1.0
        return rotation**2 + factor * missed**2
