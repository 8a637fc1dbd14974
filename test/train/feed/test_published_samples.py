# SPDX-License-Identifier: Apache-2.0
"""Samples as the published networks were trained with, one for one."""

from __future__ import annotations

import numpy as np
import pytest
from seeded_network import REFERENCE

from foundation_stereo_ros.geometry.poses import pose_distance, pose_from_quaternion
from foundation_stereo_ros.train.feed.published_samples import pairs, runs

FOLDER = REFERENCE / "dvmvs"


def path(count: int, step: float = 0.04) -> list[np.ndarray]:
    return [pose_from_quaternion((number * step, 0, 0), (0, 0, 0, 1)) for number in range(count)]


@pytest.mark.skipif(not FOLDER.is_dir(), reason=f"no reference outputs in {FOLDER}")
@pytest.mark.parametrize(("part", "suffix"), [(slice(0, 60), ""), (slice(215, 300), "_b")])
def test_pairs_are_the_published_ones(part: slice, suffix: str) -> None:
    poses = np.load(FOLDER / "keyframes.npz")["poses"][part]
    assert pairs(list(poses)) == [tuple(p) for p in np.load(FOLDER / "functions.npz")[f"crawl.pairs{suffix}"]]


@pytest.mark.skipif(not FOLDER.is_dir(), reason=f"no reference outputs in {FOLDER}")
@pytest.mark.parametrize("length", [3, 8])
def test_runs_are_the_published_ones(length: int) -> None:
    poses = np.load(FOLDER / "keyframes.npz")["poses"][215:300]
    expected = np.load(FOLDER / "functions.npz")[f"crawl.long{length}_b"]
    assert runs(list(poses), length) == [tuple(run) for run in expected]


def test_on_a_straight_way() -> None:
    poses = path(60)
    found = pairs(poses)
    assert len({frozenset(pair) for pair in found}) == len(found) > 60
    assert found[0] == (0, 4)  # the first that is at least 0.125 away
    assert all(pose_distance(poses[a], poses[b]).translation >= 0.05 for a, b in found)
    for run in runs(poses, 4):
        apart = np.diff(run)
        assert (apart > 0).all() or (apart < 0).all()


@pytest.mark.parametrize("poses", [[], path(1), path(20, step=0.0)])
def test_a_camera_that_stands_still_gives_nothing(poses: list[np.ndarray]) -> None:
    assert pairs(poses) == [] and runs(poses, 2) == []
