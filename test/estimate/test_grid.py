# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from foundation_stereo_ros.estimate.grid import resize_disparity, resize_image, scaled_size


@pytest.mark.parametrize(("scale", "expected"), [(1.0, (203, 101)), (0.5, (102, 50)), (0.37, (75, 37))])
def test_the_scaled_size_is_rounded(scale: float, expected: tuple[int, int]) -> None:
    assert scaled_size((203, 101), scale) == expected


def test_nothing_is_copied_at_scale_one() -> None:
    image = np.zeros((4, 6, 3), np.uint8)
    assert resize_image(image, (6, 4)) is image
    disparity = np.zeros((4, 6), np.float32)
    assert resize_disparity(disparity, (6, 4)) is disparity


def test_shrinking_by_two_averages_four_pixels() -> None:
    image = np.arange(4 * 6 * 3, dtype=np.uint8).reshape(4, 6, 3)
    means = image.reshape(2, 2, 3, 2, 3).mean(axis=(1, 3))
    assert np.abs(resize_image(image, (3, 2)).astype(float) - means).max() <= 0.5


@given(st.integers(2, 40), st.integers(2, 40), st.integers(2, 80), st.floats(0.5, 50))
def test_a_flat_disparity_follows_the_true_ratio_of_the_widths(
    w: int, h: int, big: int, value: float
) -> None:
    enlarged = resize_disparity(np.full((h, w), value, np.float32), (big, 2 * h))
    assert enlarged.shape == (2 * h, big)
    np.testing.assert_allclose(enlarged, value * big / w, rtol=1e-5)


def test_slopes_are_interpolated_and_edges_are_not() -> None:
    slope = np.tile(np.arange(8, dtype=np.float32) / 4, (4, 1))
    inner = resize_disparity(slope, (16, 8))[:, 2:-2]
    np.testing.assert_allclose(np.diff(inner, axis=1), 2 * 0.125, atol=1e-5)
    step = np.full((4, 8), 3, np.float32)
    step[:, 4:] = 40
    assert set(np.unique(resize_disparity(step, (24, 12)))) == {np.float32(9), np.float32(120)}


def test_back_from_a_grid_twice_as_fine_edges_stay_edges() -> None:
    fine = np.full((8, 16), 6, np.float32)
    fine[:, 7:] = 80
    assert set(np.unique(resize_disparity(fine, (8, 4)))) == {np.float32(3), np.float32(40)}
