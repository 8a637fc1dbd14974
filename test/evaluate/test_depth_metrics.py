# SPDX-License-Identifier: Apache-2.0
"""The eight figures of a depth map, by hand and beside the published code's."""

from __future__ import annotations

import math

import numpy as np
import pytest
from seeded_network import REFERENCE

from foundation_stereo_ros.evaluate.depth_metrics import depth_errors, mean_errors

FILE = REFERENCE / "dvmvs" / "functions.npz"


def test_figures_by_hand() -> None:
    truth = np.array([[2.0, 4.0, np.nan, 0.2, 1.0]], np.float32)
    found = depth_errors(np.array([[1.0, 5.0, 3.0, 3.0, np.nan]], np.float32), truth)
    assert found.absolute == pytest.approx(1.0)
    assert found.relative == pytest.approx((0.5 + 0.25) / 2)
    assert found.inverse == pytest.approx((0.5 + 0.05) / 2)
    assert found.squared == pytest.approx((0.5 + 0.25) / 2)
    assert found.rmse == pytest.approx(1.0)
    assert (found.within_1, found.within_2, found.within_3) == (0.0, 0.5, 0.5)  # ratios of 2 and 1.25
    assert found.covered == pytest.approx(2 / 3)


def test_nothing_to_compare_is_not_a_number() -> None:
    nothing = np.full((2, 2), np.nan, np.float32)
    assert math.isnan(depth_errors(np.ones((2, 2), np.float32), nothing).relative)
    assert depth_errors(nothing, np.ones((2, 2), np.float32)).covered == 0.0
    pair = [
        depth_errors(np.ones((2, 2), np.float32), truth)
        for truth in (nothing, np.full((2, 2), 2, np.float32))
    ]
    assert mean_errors(pair).relative == pytest.approx(0.5)


@pytest.mark.skipif(not FILE.is_file(), reason=f"no reference outputs in {FILE}")
@pytest.mark.parametrize(("name", "most"), [("metrics.inf", math.inf), ("metrics.max3", 3.0)])
def test_figures_are_those_of_the_published_code(name: str, most: float) -> None:
    case = np.load(FILE)
    found = depth_errors(case["loss.pred1"][0], case["loss.gt"][0], most)
    np.testing.assert_allclose(found[:8], case[name], rtol=1e-5)
