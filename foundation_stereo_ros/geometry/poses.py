# SPDX-License-Identifier: Apache-2.0
"""Camera poses: 4 x 4 matrices from camera to world, in metres, the camera in optical axes (REP 103)."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Mapping, Sequence
from types import MappingProxyType
from typing import NamedTuple

import cv2
import numpy as np

from foundation_stereo_ros.errors import ConfigError, PoseError
from foundation_stereo_ros.shapes import Matrix

_RIGID = 1e-3  # largest deviation of R^T R from the identity: what text files with few digits have

NO_POSE = np.full((4, 4), np.nan)
"""Of a frame whose pose is not known."""


class PoseDistance(NamedTuple):
    """How far apart two poses are, as DeepVideoMVS measures it (arXiv 2012.02177, section 3.1).

    Attributes:
        combined: sqrt(translation^2 + rotation^2).
        rotation: sqrt(4/3 (1 - cos angle)): about 0.82 times the angle in radians where it is small.
        translation: metres.
    """

    combined: float
    rotation: float
    translation: float


def is_known(pose: Matrix) -> bool:
    """Tell whether a pose is there: trackers write NaN or infinity while they are lost."""
    return bool(np.isfinite(pose).all())


def check_pose(pose: Matrix) -> Matrix:
    """Return a pose in double precision, once it is sure that it is one.

    Raises:
        PoseError: not 4 x 4, or not a rotation and a translation.
    """
    pose = np.asarray(pose, np.float64)
    if pose.shape != (4, 4):
        raise PoseError(f"pose has shape {pose.shape}; expected (4, 4), from camera to world")
    rotation = pose[:3, :3]
    if not np.allclose(pose[3], (0, 0, 0, 1), rtol=0, atol=1e-6):
        raise PoseError(f"the last row of a pose is {pose[3].tolist()}; expected 0, 0, 0, 1")
    deviation = float(np.abs(rotation.T @ rotation - np.eye(3)).max())
    if not deviation <= _RIGID:
        raise PoseError(
            f"a pose's rotation has columns that are {deviation:.3g} away from being perpendicular and of "
            f"length 1; expected a rotation (at most {_RIGID:g})"
        )
    if np.linalg.det(rotation) < 0:
        raise PoseError("a pose mirrors the world (its determinant is -1); expected a rotation")
    return pose


def is_usable(pose: Matrix) -> bool:
    """Tell whether a pose is there, and is one: see `check_pose`."""
    try:
        check_pose(pose)
    except PoseError:
        return False
    return is_known(pose)


def motion(source: Matrix, target: Matrix) -> Matrix:
    """Return the 4 x 4 matrix that takes points from the camera at ``source`` to the camera at ``target``.

    In double precision: inverted in single precision, poses some metres from the origin cost millimetres.
    """
    return np.asarray(np.linalg.inv(np.asarray(target, np.float64)) @ source, np.float64)


def pose_distance(reference: Matrix, other: Matrix) -> PoseDistance:
    """Return the distance of two poses."""
    relative = motion(other, reference)
    trace = min(3.0, float(np.trace(relative[:3, :3])))
    rotation = float(np.sqrt(2 * (1 - trace / 3)))
    translation = float(np.linalg.norm(relative[:3, 3]))
    return PoseDistance(float(np.hypot(translation, rotation)), rotation, translation)


_FLIP = np.diag((1.0, -1.0, -1.0, 1.0))  # optical axes <-> x right, y up, z backwards
_BODY = np.array(((0, 0, 1, 0), (-1, 0, 0, 0), (0, -1, 0, 0), (0, 0, 0, 1)), np.float64)

AXES: Mapping[str, Matrix] = MappingProxyType({"opencv": np.eye(4), "opengl": _FLIP, "ros": _BODY})
"""Which way a camera's axes point, as pose files name it -> the pose of its optical frame in that camera.

``opencv``: x right, y down, z forward (REP 103's optical frames). ``opengl``: x right, y up, z backwards
(ARKit, Blender, NeRF). ``ros``: x forward, y left, z up (REP 103's bodies)."""


def in_optical_axes(pose: Matrix, axes: str, metres: float = 1.0) -> Matrix:
    """Return the pose of a camera's optical frame.

    Args:
        pose: 4 x 4, from the camera in these axes to the world.
        axes: one of `AXES`.
        metres: length of the unit that the pose's translation is in.

    Raises:
        ConfigError: unknown axes.
    """
    if axes not in AXES:
        raise ConfigError(f"pose_axes is {axes!r}; expected one of {', '.join(AXES)}")
    found = np.asarray(pose, np.float64) @ AXES[axes]
    found[:3, 3] *= metres
    return found


def pose_from_quaternion(translation: Sequence[float], quaternion: Sequence[float]) -> Matrix:
    """Return a pose as 4 x 4 matrix.

    Args:
        translation: x, y, z.
        quaternion: x, y, z, w, as in ROS messages; of any length but 0.

    Raises:
        PoseError: the quaternion is 0, or a number is not finite.
    """
    q = np.asarray(quaternion, np.float64)
    length = float(np.linalg.norm(q))
    if not (np.isfinite(q).all() and np.isfinite(translation).all() and length > 1e-6):
        values = ", ".join(f"{x:g}" for x in (*translation, *q))
        raise PoseError(f"a pose is {values}; expected x, y, z and a quaternion x, y, z, w that is not 0")
    x, y, z, w = q / length
    pose = np.eye(4)
    pose[:3, :3] = (
        (1 - 2 * (y * y + z * z), 2 * (x * y - z * w), 2 * (x * z + y * w)),
        (2 * (x * y + z * w), 1 - 2 * (x * x + z * z), 2 * (y * z - x * w)),
        (2 * (x * z - y * w), 2 * (y * z + x * w), 1 - 2 * (x * x + y * y)),
    )
    pose[:3, 3] = translation
    return pose


def quaternion_of(pose: Matrix) -> tuple[float, float, float, float]:
    """Return the rotation of a pose as a quaternion x, y, z, w of length 1, w not negative."""
    # Bar-Itzhack (2000): the eigenvector of the greatest eigenvalue, which no angle makes inaccurate.
    (a, b, c), (d, e, f), (g, h, i) = np.asarray(pose, np.float64)[:3, :3]
    table = (
        (a - e - i, b + d, c + g, h - f),
        (b + d, e - a - i, f + h, c - g),
        (c + g, f + h, i - a - e, d - b),
        (h - f, c - g, d - b, a + e + i),
    )
    x, y, z, w = np.linalg.eigh(table)[1][:, -1]
    sign = -1.0 if w < 0 else 1.0
    return float(sign * x), float(sign * y), float(sign * z), float(sign * w)


def between(first: Matrix, second: Matrix, share: float) -> Matrix:
    """Return the pose on the way from one to another, turning at a constant rate (slerp).

    Args:
        first, second: 4 x 4.
        share: 0 gives the first, 1 the second.
    """
    turn, _ = cv2.Rodrigues(first[:3, :3].T @ second[:3, :3])
    pose = np.eye(4)
    pose[:3, :3] = first[:3, :3] @ cv2.Rodrigues(turn * share)[0]
    pose[:3, 3] = (1 - share) * first[:3, 3] + share * second[:3, 3]
    return pose


class Trajectory:
    """Poses over time; between two neighbours they are interpolated.

    Args:
        stamps: seconds or nanoseconds, in any order; of several at one time the last counts.
        poses: 4 x 4 each.
        gap: neighbours farther apart than this are not interpolated; same unit.
    """

    def __init__(self, stamps: Sequence[float], poses: Sequence[Matrix], gap: float) -> None:
        ordered = dict(sorted(zip(stamps, poses, strict=True), key=lambda item: item[0]))
        self._stamps, self._poses, self._gap = list(ordered), list(ordered.values()), gap

    def __len__(self) -> int:
        return len(self._stamps)

    @property
    def span(self) -> tuple[float, float] | None:
        """First and last stamp; None where there is no pose."""
        return (self._stamps[0], self._stamps[-1]) if self._stamps else None

    def add(self, stamp: float, pose: Matrix) -> None:
        """Put in a pose; one with the same stamp is replaced."""
        place = bisect_left(self._stamps, stamp)
        if place < len(self._stamps) and self._stamps[place] == stamp:
            self._poses[place] = pose
        else:
            self._stamps.insert(place, stamp)
            self._poses.insert(place, pose)

    def forget(self, before: float, most: int) -> None:
        """Drop the poses from before a time, and the oldest of those that are more than ``most``."""
        count = max(bisect_left(self._stamps, before), len(self._stamps) - most)
        del self._stamps[:count], self._poses[:count]

    def around(self, stamp: float) -> tuple[float, float] | None:
        """Return the stamps of the neighbours of a time, twice the same where a pose has this very one; None
        before the first and after the last."""
        after = bisect_left(self._stamps, stamp)
        if after < len(self._stamps) and self._stamps[after] == stamp:
            return stamp, stamp
        return (self._stamps[after - 1], self._stamps[after]) if 0 < after < len(self._stamps) else None

    def at(self, stamp: float) -> Matrix | None:
        """Return the pose at a time; None before the first, after the last and in a gap."""
        around = self.around(stamp)
        if around is None or around[1] - around[0] > self._gap:
            return None
        after = bisect_left(self._stamps, stamp)
        if around[0] == around[1]:
            return self._poses[after]
        share = (stamp - around[0]) / (around[1] - around[0])
        return between(self._poses[after - 1], self._poses[after], share)


class Jump(NamedTuple):
    """How far a camera moved between two frames.

    Attributes:
        metres: of its translation.
        degrees: of its rotation.
    """

    metres: float
    degrees: float


def jump(before: Matrix, after: Matrix) -> Jump:
    """Return how far a camera moved."""
    relative = motion(before, after)
    cosine = np.clip((np.trace(relative[:3, :3]) - 1) / 2, -1, 1)
    return Jump(float(np.linalg.norm(relative[:3, 3])), float(np.degrees(np.arccos(cosine))))
