# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from foundation_stereo_ros.datasets.dataset import StereoNumbers, StereoSample
from foundation_stereo_ros.errors import ConfigError
from foundation_stereo_ros.train.data_config import CropConfig
from foundation_stereo_ros.train.feed.crops import random_crop, resize_disparity

STILL = CropConfig(scale_low=0.0, scale_high=0.0, stretch=0.0, flip=0.0)


def _sample(rows: int = 40, columns: int = 80, shift: float = 6.0) -> StereoSample:
    """A smooth picture, moved: left(x) == right(x - shift); the rows say where they are."""
    y, x = np.meshgrid(np.arange(rows), np.arange(columns), indexing="ij")

    def seen(columns_: np.ndarray) -> np.ndarray:
        waves = [127 + 100 * np.sin(columns_ / wave + y / 9) for wave in (4.0, 7.0, 11.0)]
        return np.rint(np.stack(waves, -1)).astype(np.uint8)

    truth = np.full((rows, columns), shift, np.float32)
    return StereoSample(seen(x), seen(x + shift), truth, None, StereoNumbers())


def test_without_chance_a_crop_is_a_window_of_the_pair() -> None:
    sample, ways = _sample(), set()
    for seed in range(8):
        crop = random_crop(sample, 32, 64, STILL, np.random.default_rng(seed))
        found = [
            (top, start)
            for top in range(9)
            for start in range(17)
            if np.array_equal(crop.left, sample.left[top : top + 32, start : start + 64])
        ]
        assert len(found) == 1
        top, start = found[0]
        assert np.array_equal(crop.right, sample.right[top : top + 32, start : start + 64])
        ways.add(found[0])
    assert len(ways) > 4


@settings(deadline=None, max_examples=40)
@given(seed=st.integers(0, 1 << 32), rows=st.integers(9, 70), columns=st.integers(20, 140))
def test_the_right_view_moved_by_the_disparity_is_the_left_view(seed: int, rows: int, columns: int) -> None:
    crop = random_crop(_sample(rows, columns), 32, 64, CropConfig(), np.random.default_rng(seed))
    assert crop.left.shape == crop.right.shape == (32, 64, 3)
    assert crop.disparity.shape == (32, 64)
    disparity = crop.disparity[0, 0]
    assert np.all(crop.disparity == disparity)
    column = np.arange(64)
    inside = (column - disparity >= 1) & (column - disparity <= 62)
    for row in (0, 15, 31):
        for channel in range(3):
            moved = np.interp(column - disparity, column, crop.right[row, :, channel].astype(float))
            residual = np.abs(moved - crop.left[row, :, channel])[inside]
            assert not residual.size or np.median(residual) < 6.0


@settings(deadline=None, max_examples=30)
@given(seed=st.integers(0, 1 << 32))
def test_a_pair_that_is_too_small_is_enlarged_in_both_directions(seed: int) -> None:
    crop = random_crop(_sample(16, 64), 32, 64, CropConfig(stretch=0.0), np.random.default_rng(seed))
    assert np.all(crop.disparity == 12.0)  # two times, which is what its height needs


def test_a_flipped_crop_is_upside_down_in_all_three() -> None:
    sample = _sample(32, 64)
    sample.disparity[:] = np.arange(32)[:, None]
    always = CropConfig(scale_low=0.0, scale_high=0.0, stretch=0.0, flip=1.0)
    crop = random_crop(sample, 32, 64, always, np.random.default_rng(0))
    assert np.array_equal(crop.left, sample.left[::-1])
    assert np.array_equal(crop.right, sample.right[::-1])
    assert np.array_equal(crop.disparity, sample.disparity[::-1])


def test_disparity_on_a_slope_is_interpolated_and_at_an_edge_it_is_not() -> None:
    slope = np.broadcast_to(np.arange(16, dtype=np.float32) / 4, (8, 16)).copy()
    wide = resize_disparity(slope, 8, 32)
    # border pixels on border pixels: the middle of column i is at (i + 0.5) / 2 - 0.5 of the old ones
    expected = ((np.arange(32) + 0.5) / 2 - 0.5) / 4 * 2
    np.testing.assert_allclose(wide[:, 1:-1], np.broadcast_to(expected, (8, 32))[:, 1:-1], atol=1e-5)
    edge = np.where(np.arange(16) < 7, 3.0, 20.0).astype(np.float32) * np.ones((8, 1), np.float32)
    assert set(np.unique(resize_disparity(edge, 11, 23))) == {
        np.float32(3 * 23 / 16),
        np.float32(20 * 23 / 16),
    }


def test_sparse_disparity_keeps_its_values_and_makes_up_none() -> None:
    sparse = np.full((8, 16), np.nan, np.float32)
    sparse[2, 3], sparse[5, 11] = 4.0, 0.0
    wide = resize_disparity(sparse, 16, 32)
    known = np.argwhere(np.isfinite(wide))
    assert sorted(map(tuple, known)) == [(y, x) for y in (4, 5) for x in (6, 7)] + [
        (y, x) for y in (10, 11) for x in (22, 23)
    ]
    assert set(wide[np.isfinite(wide)]) == {8.0, 0.0}


@pytest.mark.parametrize("wrong", [{"scale_low": 0.5}, {"flip": 1.5}, {"stretch": -0.1}])
def test_impossible_crops_are_refused(wrong: dict[str, float]) -> None:
    with pytest.raises(ConfigError, match="expected"):
        CropConfig(**wrong)
