# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from foundation_stereo_ros.io.bit_depth import BitDepth


@given(st.integers(0, 65535), st.sampled_from([8, 10, 12, 14, 16]))
def test_every_value_is_scaled_as_exact_arithmetic_rounds_it(value: int, bits: int) -> None:
    depth = BitDepth()
    depth.bits = bits
    exact = min(255, (2 * 255 * value + 2**bits - 1) // (2 * (2**bits - 1)))
    assert depth.to_eight(np.full((2, 3), value, np.uint16)).tolist() == [[exact] * 3] * 2


@given(st.lists(st.integers(0, 65535), min_size=1, max_size=20))
def test_the_depth_is_the_least_usual_one_that_holds_all_and_never_shrinks(
    brightest: list[int],
) -> None:
    depth, before = BitDepth(), 8
    for number, value in enumerate(brightest):
        depth.note(np.array([[0, value]], np.uint16))
        expected = next(b for b in (8, 10, 12, 14, 16) if max(brightest[: number + 1]) < 2**b)
        assert depth.bits == expected >= before
        before = depth.bits


def test_a_dark_first_frame_costs_one_change_of_brightness_and_no_saturation() -> None:
    depth, seen = BitDepth(), []
    for values in ((0, 3), (0, 60), (0, 900), (0, 40), (700, 1023)):
        frame = np.array([values], np.uint16)
        depth.note(frame)
        seen.append(depth.to_eight(frame).tolist()[0])
    assert seen == [[0, 3], [0, 60], [0, 224], [0, 10], [174, 255]]


def test_a_stated_depth_holds_from_the_first_frame_on_unless_values_exceed_it() -> None:
    depth = BitDepth()
    depth.note(np.array([[100]], np.uint16), stated=12)
    assert depth.bits == 12
    depth.note(np.array([[4096]], np.uint16), stated=12)
    assert depth.bits == 14


@pytest.mark.parametrize("channels", [2, 4])
def test_alpha_does_not_count(channels: int) -> None:
    depth, values = BitDepth(), np.full((2, 2, channels), 1000, np.uint16)
    values[..., -1] = 65535
    depth.note(values)
    assert depth.bits == 10


def test_eight_bits_stay_as_they_are() -> None:
    depth, values = BitDepth(), np.arange(256, dtype=np.uint8).reshape(16, 16)
    depth.note(values)
    assert depth.bits == 8
    assert depth.to_eight(values) is values
