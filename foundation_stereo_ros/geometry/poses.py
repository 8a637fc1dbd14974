# SPDX-License-Identifier: Apache-2.0
"""Camera poses: 4 x 4 matrices from camera to world, in metres, the camera in optical axes (REP 103)."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from foundation_stereo_ros.errors import PoseError
from foundation_stereo_ros.shapes import Matrix

_RIGID = 1e-3  # largest deviation of R^T R from the identity: what text files with few digits have


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
