# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import numpy as np

from foundation_stereo_ros.scenes.raycast.sequence import SceneSequence


def test_frames_are_exact_metric_and_moving() -> None:
    sequence = SceneSequence(seed=2, baseline=0.1)
    first, later = sequence.frame(0, 48, 64), sequence.frame(30, 48, 64)
    assert first.left.shape == (48, 64, 3)
    assert first.left.dtype == first.right.dtype == np.uint8
    np.testing.assert_allclose(first.disparity * first.depth, first.focal * 0.1, rtol=1e-5)
    assert first.depth.min() > 0.3
    assert first.depth.max() < 12.0
    assert np.abs(later.disparity - first.disparity).mean() > 0.1
    assert 0.05 < np.linalg.norm(later.position - first.position) < 0.6
    np.testing.assert_allclose(later.orientation.T @ later.orientation, np.eye(3), atol=1e-12)


def test_the_same_seed_shows_the_same_room() -> None:
    one, other = (SceneSequence(seed=2).frame(11, 32, 48) for _ in range(2))
    np.testing.assert_array_equal(one.left, other.left)
    assert (one.left != SceneSequence(seed=3).frame(11, 32, 48).left).mean() > 0.5


def test_the_path_is_closed() -> None:
    sequence = SceneSequence(seed=2)
    np.testing.assert_allclose(sequence.frame(0, 32, 48).depth, sequence.frame(160, 32, 48).depth, rtol=1e-4)
