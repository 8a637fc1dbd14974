# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import numpy as np
import torch

from foundation_stereo_ros.train.panels import WRONG, Shown, paint, panel


def test_a_panel_shows_views_error_truth_and_estimate() -> None:
    left, right = torch.full((3, 4, 8), 200.0), torch.full((3, 4, 8), 50.4)
    truth = torch.arange(8.0).expand(1, 4, 8)
    valid = truth < 6
    estimate = truth.clone()
    estimate[:, 0] += 2 * WRONG
    found = panel(Shown(left, right, truth, valid, estimate))
    assert found.shape == (8, 24, 3) and found.dtype == np.uint8
    assert np.all(found[:4, :8] == 200) and np.all(found[:4, 8:16] == 50)
    error, painted = found[:4, 16:], found[4:, :8]
    assert error[0, 0, 0] > error[0, 0, 2]  # red: wrong
    assert error[3, 0, 2] > error[3, 0, 0] or error[3, 0].max() < 90  # blue: right
    assert np.all(error[:, 6:] == error[0, 6])  # unknown
    assert np.array_equal(painted[:, :6], found[4:, 8:16][:, :6]) is False  # row 0 is off
    assert np.array_equal(painted[1:, :6], found[5:, 8:14])


def test_colours_rise_from_blue_to_red_and_nothing_known_is_dark() -> None:
    ramp = np.linspace(0, 1, 5, dtype=np.float32)[None]
    colours = paint(ramp, np.ones_like(ramp, bool), 0.0, 1.0)[0].astype(int)
    assert colours[1, 2] > colours[1, 0] and colours[4, 0] > colours[4, 2]
    assert np.all(paint(ramp, np.zeros_like(ramp, bool), 0.0, 1.0) == (24, 24, 28))
    unknown = torch.zeros(1, 4, 8)
    views = torch.zeros(3, 4, 8)
    assert panel(Shown(views, views, unknown, unknown > 0, unknown)).shape == (8, 24, 3)
