# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import logging
import math
from pathlib import Path

import numpy as np
import pytest
import torch
from dataset_trees import user_folder

from foundation_stereo_ros.datasets.catalog import open_dataset
from foundation_stereo_ros.datasets.dataset import StereoItem, StereoSample
from foundation_stereo_ros.errors import DeviceMemoryError
from foundation_stereo_ros.evaluate.job import EvaluationJob, PeakMemory
from foundation_stereo_ros.shapes import ShiftMap


class Flat:
    """Says the same disparity everywhere, and counts how often it is asked."""

    device = torch.device("cpu")

    def __init__(self, value: float, name: str = "flat") -> None:
        self.name = name
        self.value = value
        self.calls = 0

    def __call__(self, sample: StereoSample) -> ShiftMap:
        self.calls += 1
        return np.full_like(sample.disparity, self.value)


class Broken(Flat):
    def __init__(self, error: Exception) -> None:
        super().__init__(0.0, "broken")
        self.error = error

    def __call__(self, sample: StereoSample) -> ShiftMap:
        raise self.error


@pytest.fixture
def item(tmp_path: Path) -> StereoItem:
    user_folder(tmp_path)
    return next(open_dataset("folder", tmp_path).items())


def test_a_score_of_every_method(item: StereoItem) -> None:
    job = EvaluationJob([Flat(3.5), Flat(2.0, "exact")], math.inf)
    done = job.evaluate(item)
    assert done is not None
    assert job.results == [done.score]
    assert (done.score.width, done.score.height) == (64, 48)
    # Off by 1.5 everywhere; the truth is 2.
    expected = {"epe": 1.5, "bp1": 100.0, "bp2": 0.0, "bp3": 0.0, "d1": 0.0}
    assert done.score.methods["flat"].errors == {"all": expected, "noc": expected}
    assert done.score.methods["exact"].errors["all"]["epe"] == 0.0
    assert math.isnan(done.score.methods["flat"].seconds)
    np.testing.assert_array_equal(done.estimates["flat"], np.full((48, 64), 3.5))


def test_warm_means_once_before_it_counts(item: StereoItem) -> None:
    method = Flat(2.0)
    done = EvaluationJob([method], math.inf, warm=True).evaluate(item)
    assert done is not None
    assert method.calls == 2
    score = done.score.methods["flat"]
    assert score.seconds > 0
    assert score.peak_bytes > 0


@pytest.mark.parametrize(
    ("error", "reason"),
    [
        (DeviceMemoryError("out of memory for a pair"), "out of memory for a pair"),
        (RuntimeError("shapes do not fit"), "RuntimeError: shapes do not fit"),
    ],
)
def test_one_method_failing_leaves_the_image_out_for_all(
    item: StereoItem, error: Exception, reason: str, caplog: pytest.LogCaptureFixture
) -> None:
    job = EvaluationJob([Flat(2.0), Broken(error)], math.inf)
    with caplog.at_level(logging.ERROR):
        assert job.evaluate(item) is None
    assert job.failed == [("one", reason)]
    assert job.results == []
    # What nobody expected comes with its traceback.
    assert bool(caplog.records) == isinstance(error, RuntimeError)


def test_the_peak_holds_what_was_there_for_a_moment() -> None:
    memory = PeakMemory(torch.device("cpu"))
    memory.start()
    before = memory.read()
    block = np.ones(200 * 2**20, np.uint8)
    del block
    assert memory.read() - before > 100 * 2**20
