# SPDX-License-Identifier: Apache-2.0
"""Poses that are meant otherwise are found out from the images; right ones are left in peace."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
from posed_scenes import small_clip

from foundation_stereo_ros.estimate.video.pose_check import (
    AS_GIVEN,
    PoseFit,
    best_convention,
    pose_fit,
    small_grey,
    verdict,
)
from foundation_stereo_ros.geometry.poses import AXES


def _fit(meant: Callable[[np.ndarray], np.ndarray], seed: int) -> PoseFit:
    clip = small_clip(6, seed, 120, 160)
    small = [small_grey(image, clip.camera) for image in clip.images]
    poses = [meant(pose) for pose in clip.poses]
    return pose_fit([((small[i], poses[i]), (small[i + 1], poses[i + 1])) for i in range(5)])


def _in_millimetres(pose: np.ndarray) -> np.ndarray:
    return np.diag((1000.0, 1000.0, 1000.0, 1.0)) @ pose @ np.diag((0.001, 0.001, 0.001, 1.0))


@pytest.mark.parametrize("seed", range(8))
def test_right_poses_are_taken_as_they_are(seed: int) -> None:
    fit = _fit(lambda pose: pose, seed)
    assert best_convention(fit) == AS_GIVEN
    assert verdict(fit, 0.25, 20) == ""


@pytest.mark.parametrize("seed", [0, 2, 7])
@pytest.mark.parametrize(
    ("meant", "found"),
    [
        (np.linalg.inv, "inverted"),
        (lambda pose: pose @ AXES["opengl"], "opengl"),
        (lambda pose: pose @ np.linalg.inv(AXES["ros"]), "ros"),
    ],
)
def test_poses_that_are_meant_otherwise_are_found_out(
    meant: Callable[[np.ndarray], np.ndarray], found: str, seed: int
) -> None:
    fit = _fit(meant, seed)
    assert best_convention(fit) == found
    assert verdict(fit, 0.25, 20).startswith("the poses look ")


def test_another_unit_is_found_out_by_the_depth() -> None:
    said = verdict(_fit(_in_millimetres, 0), 0.25, 20)
    assert "m away; expected 0.25 to 20 m (are the poses in metres?)" in said


def test_pictures_without_texture_say_nothing() -> None:
    clip = small_clip(2, 0, 120, 160)
    grey = small_grey(np.full((120, 160, 3), 90, np.uint8), clip.camera)
    fit = pose_fit([((grey, clip.poses[0]), (grey, clip.poses[1]))])
    assert best_convention(fit) == AS_GIVEN
    assert verdict(fit, 0.25, 20) == ""
