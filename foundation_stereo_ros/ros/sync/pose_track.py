# SPDX-License-Identifier: Apache-2.0
"""Poses of one thing as they come, with their stamps; asked for at other times."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from foundation_stereo_ros.geometry.poses import Trajectory
from foundation_stereo_ros.shapes import Matrix

GAP_NS = 200_000_000
"""Neighbours farther apart than this are not interpolated."""

KEEP_NS = 10_000_000_000
"""How long poses are kept, as tf2 does."""

BACK_NS = 1_000_000_000
"""A stamp that is earlier than the newest by more than this is a jump of time; by less, it came late."""

_MOST = 4096

Reason = Literal["not yet", "gap", "too old", "not connected"]


@dataclass(frozen=True)
class NoPose:
    """Why there is no pose at a time.

    Attributes:
        reason: ``not yet``: a pose from after that time may still come. ``gap``: the neighbours are too far
            apart. ``too old``: from before the first pose that is known. ``not connected``: transforms that
            join the two frames may still come.
        why: the same in a sentence, with frames and times.
    """

    reason: Reason
    why: str

    @property
    def final(self) -> bool:
        """Whether waiting cannot help."""
        return self.reason in ("gap", "too old")


def in_seconds(stamp_ns: float) -> str:
    """Return a stamp as people read it: seconds with three digits."""
    return f"{stamp_ns / 1e9:.3f}"


class PoseTrack:
    """The last poses of one thing.

    Poses may come late by up to a second; if one is earlier than that, time went back, as where a recording
    is looped, and all others are forgotten.

    Args:
        name: whose poses these are, for sentences.
        gap_ns: neighbours farther apart than this are not interpolated.
        keep_ns: older poses than that, by the newest stamp, are dropped.
    """

    def __init__(self, name: str, gap_ns: int = GAP_NS, keep_ns: int = KEEP_NS) -> None:
        self._name, self._gap_ns, self._keep_ns = name, gap_ns, keep_ns
        self._poses = Trajectory((), (), gap_ns)

    def push(self, stamp_ns: int, pose: Matrix) -> None:
        """Take the next pose: 4 x 4."""
        self.go_back(stamp_ns)
        self._poses.add(stamp_ns, pose)
        newest = self._poses.span[1] if self._poses.span else stamp_ns
        self._poses.forget(newest - self._keep_ns, _MOST)

    def goes_back(self, stamp_ns: int) -> bool:
        """Tell whether this time is so much earlier than the newest pose that time must have gone back."""
        return self._poses.span is not None and stamp_ns < self._poses.span[1] - BACK_NS

    def go_back(self, stamp_ns: int) -> None:
        """Forget all poses where `goes_back`."""
        if self.goes_back(stamp_ns):
            self._poses = Trajectory((), (), self._gap_ns)

    def at(self, stamp_ns: int) -> Matrix | NoPose:
        """Return the pose at a time, interpolated between its neighbours: slerp, and linear."""
        if self._poses.span is None:
            return NoPose("not yet", f"no pose of {self._name} has come")
        first, last = self._poses.span
        if stamp_ns > last:
            return NoPose("not yet", f"the last pose of {self._name} is at {in_seconds(last)} s")
        if stamp_ns < first:
            return NoPose(
                "too old", f"the first pose of {self._name} that is kept is at {in_seconds(first)} s"
            )
        pose = self._poses.at(stamp_ns)
        if pose is not None:
            return pose
        before, after = self._poses.around(stamp_ns) or (first, last)
        return NoPose(
            "gap",
            f"the poses of {self._name} at {in_seconds(before)} and {in_seconds(after)} s are "
            f"{(after - before) / 1e9:.3f} s apart; expected at most {self._gap_ns / 1e9:g} s",
        )
