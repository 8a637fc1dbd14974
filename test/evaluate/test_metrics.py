# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import math

import pytest
import torch

from foundation_stereo_ros.evaluate.metrics import average, error_metrics


def test_known_errors() -> None:
    truth = torch.tensor([100.0, 10.0, 10.0, 10.0, 10.0])
    estimate = truth + torch.tensor([4.0, -4.0, 2.5, 1.5, 0.5])
    found = {name: float(value) for name, value in error_metrics(estimate, truth, truth > 0).items()}
    assert found == pytest.approx({"epe": 2.5, "bp1": 80.0, "bp2": 60.0, "bp3": 40.0, "d1": 20.0})


def test_only_masked_pixels_count_and_nonsense_is_bad() -> None:
    truth, mask = torch.tensor([5.0, 5.0]), torch.tensor([True, False])
    assert float(error_metrics(torch.tensor([5.0, 50.0]), truth, mask)["bp3"]) == 0.0
    assert float(error_metrics(torch.tensor([float("nan"), 5.0]), truth, mask)["bp3"]) == 100.0


def test_pictures_without_truth_do_not_count_in_the_average() -> None:
    truth = torch.tensor([5.0, 5.0])
    one = error_metrics(truth + 1.5, truth, truth > 0)
    none = error_metrics(truth, truth, truth < 0)
    assert average([one, none])["bp1"] == 100.0
    assert math.isnan(average([none])["epe"])
