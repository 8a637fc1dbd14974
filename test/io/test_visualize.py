# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import numpy as np

from foundation_stereo_ros.io.visualize import (
    INVALID,
    Range,
    SteadyRange,
    colorize,
    colorize_depth,
    colorize_disparity,
    turbo_stops,
    value_range,
)

RAMP = np.linspace(1, 9, 64, dtype=np.float32).reshape(4, 16)
ALL = np.ones((4, 16), bool)


def red_minus_blue(pixel: np.ndarray) -> int:
    return int(pixel[0]) - int(pixel[2])


def test_near_is_red_and_far_is_blue_in_both_maps() -> None:
    disparity = colorize_disparity(RAMP, ALL)  # the last pixel is the nearest
    assert red_minus_blue(disparity[-1, -3]) > 50 > -50 > red_minus_blue(disparity[0, 4])
    depth = colorize_depth(RAMP)  # the first pixel is the nearest
    assert red_minus_blue(depth[0, 2]) > 50 > -50 > red_minus_blue(depth[-1, -5])


def test_invalid_and_no_number_are_dark() -> None:
    values = RAMP.copy()
    values[0, 0], values[0, 1] = np.nan, np.inf
    valid = ALL.copy()
    valid[0, 2] = False
    painted = colorize(values, valid, Range(1, 9))
    assert (painted[0, :3] == INVALID).all()
    assert not (painted[0, 3:] == INVALID).all(axis=-1).any()


def test_a_fixed_range_gives_a_value_one_colour_whatever_else_is_in_the_frame() -> None:
    first = colorize(np.array([[2, 3]], np.float32), np.ones((1, 2), bool), Range(0, 10))
    second = colorize(np.array([[2, 9]], np.float32), np.ones((1, 2), bool), Range(0, 10))
    assert (first[0, 0] == second[0, 0]).all()


def test_values_beyond_the_range_take_the_colour_of_its_end() -> None:
    painted = colorize(np.array([[-5, 0, 10, 99]], np.float32), np.ones((1, 4), bool), Range(0, 10))
    assert (painted[0, 0] == painted[0, 1]).all() and (painted[0, 2] == painted[0, 3]).all()


def test_the_range_ignores_a_few_outliers_and_what_is_invalid() -> None:
    values = np.linspace(0, 1, 1000, dtype=np.float32)
    values[0], values[-1], values[500] = -1e6, 1e6, np.nan
    valid = np.ones(1000, bool)
    valid[:100] = False
    low, high = value_range(values, valid)
    assert 0.1 <= low <= 0.13 and 0.97 <= high <= 1
    assert value_range(values, np.zeros(1000, bool)) == (0, 1)


def test_a_flat_map_is_painted() -> None:
    assert colorize_disparity(np.full((2, 2), 5, np.float32), np.ones((2, 2), bool)).shape == (2, 2, 3)


def test_a_steady_range_starts_at_the_first_frame_and_then_follows_slowly() -> None:
    steady = SteadyRange(pace=0.1)
    assert steady.update(RAMP, np.zeros_like(ALL)) == (0, 1)
    first = steady.update(RAMP, ALL)
    assert first == value_range(RAMP, ALL)
    second = steady.update(RAMP * 10, ALL)
    assert first.high < second.high < first.high + 0.11 * 9 * first.high
    assert steady.update(RAMP, np.zeros_like(ALL)) == second
    for _ in range(200):
        last = steady.update(RAMP * 10, ALL)
    assert abs(last.high - value_range(RAMP * 10, ALL).high) < 0.01


def test_the_legend_goes_from_blue_to_red() -> None:
    stops = turbo_stops(5)
    assert len(stops) == 5
    low, high = (tuple(bytes.fromhex(stop[1:])) for stop in (stops[1], stops[-1]))
    assert low[2] > low[0] and high[0] > high[2]
