# SPDX-License-Identifier: Apache-2.0
"""What is nearer than a network can tell, found without the network."""

from __future__ import annotations

import cv2
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from painted_pairs import BLOCK, FIELD, HEIGHT, WIDTH, block_pair, field_pair, texture

from foundation_stereo_ros.estimate.stereo.reach import CoarseMatch, reaches_everything
from foundation_stereo_ros.scenes.layered.painter import LayeredScenes
from foundation_stereo_ros.shapes import Mask, RgbImage, ShiftMap


def beyond(left: RgbImage, right: RgbImage, shift: ShiftMap, reach: float) -> tuple[Mask, float]:
    small, needed = CoarseMatch(left, right, reach).beyond(shift)
    size = (left.shape[1], left.shape[0])
    return cv2.resize(small.astype(np.uint8), size, interpolation=cv2.INTER_NEAREST) > 0, needed


def background(disparity: float = 12) -> ShiftMap:
    """What a network gives that does not see the block at all."""
    return np.full((HEIGHT, WIDTH), disparity, np.float32)


def block() -> Mask:
    mask = np.zeros((HEIGHT, WIDTH), np.bool_)
    mask[BLOCK] = True
    return mask


@pytest.mark.parametrize("disparity", [100, 120, 160, 190])
def test_a_block_beyond_the_range_is_found(disparity: int) -> None:
    found, needed = beyond(*block_pair(disparity), background(), reach=80)
    assert found[block()].mean() > 0.85 and found[~block()].mean() < 0.03
    assert needed == pytest.approx(disparity, abs=8)


@pytest.mark.parametrize("disparity", [12, 30, 60, 76])
def test_a_block_within_the_range_is_not(disparity: int) -> None:
    truth = np.where(block(), np.float32(disparity), background())
    assert not beyond(*block_pair(disparity), truth, reach=80)[0].any()
    assert not beyond(*block_pair(disparity), background(), reach=80)[0].any(), "whatever the network says"


def test_what_the_right_camera_does_not_see_of_it_belongs_to_it() -> None:
    # A block from the left border on, whose first 100 columns are not in the right image.
    left, right = block_pair(12)
    near = texture(9)[40:200, :260]
    left[40:200, :260] = near
    right[40:200, :160] = near[:, 100:]
    found, _ = beyond(left, right, background(), reach=60)
    assert found[40:200, :250].mean() > 0.8 and found[:30].mean() < 0.02


def test_the_collected_case_has_its_block() -> None:
    left, right = field_pair("range_saturation")
    truth = np.load(FIELD / "range_saturation" / "disparity.npy")
    wrong = np.where(truth > 128, np.float32(62), truth)  # the median of what `tiny` gives
    found, needed = beyond(left, right, wrong, reach=128)
    assert found[truth > 128].mean() > 0.97 and found[truth < 128].mean() < 0.02
    assert needed == pytest.approx(150, abs=4)
    assert not beyond(left, right, truth, reach=192)[0].any()


@pytest.mark.parametrize("seed", range(12))
def test_good_pairs_lose_next_to_nothing(seed: int) -> None:
    pair = LayeredScenes().pair(seed, 320, 448)
    assert beyond(pair.left, pair.right, pair.disparity, reach=192)[0].mean() < 0.005


def test_all_is_reached_where_the_range_is_most_of_the_width() -> None:
    assert reaches_everything(250, 192) and not reaches_everything(640, 192)


@settings(deadline=None, max_examples=60)
@given(height=st.integers(1, 70), width=st.integers(2, 300), reach=st.integers(4, 200))
def test_any_size_will_do(height: int, width: int, reach: int) -> None:
    image = texture(0, 80, 320)[:height, :width]
    if not reaches_everything(width, reach):
        shift = np.zeros((height, width), np.float32)
        small, needed = CoarseMatch(image, image, reach).beyond(shift)
        assert not small.any() and needed == 0
