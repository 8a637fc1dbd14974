# SPDX-License-Identifier: Apache-2.0
"""When a stream is checked, and what is known of it afterwards."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch
from painted_pairs import BLOCK, HEIGHT, WIDTH, block_pair, rig

from foundation_stereo_ros.estimate.config import PipelineConfig
from foundation_stereo_ros.estimate.remarks import BehindInfinity, Remark, RowsOff, SidesExchanged, TooNear
from foundation_stereo_ros.estimate.stereo.pair_checks import EVERY, FIRST, PairChecks
from foundation_stereo_ros.estimate.stereo.torch_backend import TorchBackend
from foundation_stereo_ros.geometry.camera import StereoRig
from foundation_stereo_ros.nets.stereo import LeanConfig, LeanStereo
from foundation_stereo_ros.shapes import Mask, RgbImage

REACH = 96


class Stream:
    """The checks, fed with a network's answer that is the background everywhere."""

    def __init__(self) -> None:
        config = PipelineConfig(device="cpu", precision="fp32")
        model = LeanStereo(LeanConfig(max_disp=REACH))
        self.checks = PairChecks(TorchBackend(model, torch.device("cpu"), config))

    def __call__(
        self, left: RgbImage, right: RgbImage, cameras: StereoRig | None = None, **settings: Any
    ) -> tuple[Mask | None, tuple[Remark, ...]]:
        config = PipelineConfig(**settings)
        check = self.checks.begin((left, right), (left, right), cameras or rig(), float(REACH), config)
        shift = np.full((HEIGHT, WIDTH), 12, np.float32)
        return self.checks.finish(check, shift, (WIDTH, HEIGHT), config)


def kinds(remarks: tuple[Remark, ...]) -> list[type[Remark]]:
    return [type(remark) for remark in remarks]


def test_good_pairs_have_no_remarks() -> None:
    assert Stream()(*block_pair(40)) == (None, ())


def test_rows_and_sides_are_told_with_their_figures() -> None:
    left, right = block_pair(40)
    (remark,) = Stream()(left, np.roll(right, 3, axis=0))[1]
    assert isinstance(remark, RowsOff) and remark.rows == pytest.approx(3, abs=0.2) and remark.uniform
    assert kinds(Stream()(right, left)[1]) == [SidesExchanged]
    assert kinds(Stream()(left, right, rig(doffs=20))[1]) == [BehindInfinity]
    assert Stream()(left, right, rig(doffs=5))[1] == ()


def test_what_is_known_stays_until_it_is_measured_again() -> None:
    stream, (left, right) = Stream(), block_pair(40)
    lower = np.roll(right, 6, axis=0)
    for number in range(EVERY + 1):
        found = kinds(stream(left, lower if number < FIRST else right)[1])
        assert found == ([RowsOff] if number < EVERY else []), number


def test_a_pair_that_tells_nothing_changes_nothing() -> None:
    stream, (left, right) = Stream(), block_pair(40)
    stream(left, np.roll(right, 6, axis=0))
    black = np.zeros_like(left)
    assert kinds(stream(black, black)[1]) == [RowsOff]


@pytest.mark.parametrize("how", ["reset", "another rig", "switched off"])
def test_a_new_stream_knows_nothing_of_the_last_one(how: str) -> None:
    stream, (left, right) = Stream(), block_pair(40)
    for _ in range(FIRST):
        assert kinds(stream(left, np.roll(right, 6, axis=0))[1]) == [RowsOff]
    if how == "reset":
        stream.checks.reset()
    cameras = rig(doffs=1) if how == "another rig" else None
    assert stream(left, right, cameras, check_alignment=how != "switched off")[1] == ()


def test_what_is_too_near_is_masked_and_the_remedies_reach_it() -> None:
    near, (remark,) = Stream()(*block_pair(160))
    assert near is not None and near[BLOCK].mean() > 0.9 and near.mean() < 0.2
    assert isinstance(remark, TooNear)
    assert remark.pixels == near.sum() and remark.share == near.mean() and remark.reach == REACH
    assert remark.needed == pytest.approx(160, abs=8)
    scale, hierarchical = remark.remedies
    assert REACH / float(scale["scale"]) > remark.needed
    assert hierarchical == {"hierarchical": ""}


def test_remedies_that_do_not_reach_it_or_are_in_use_are_not_named() -> None:
    ways = Stream()(*block_pair(160), small_ratio=0.9)[1][0].remedies
    assert [list(way) for way in ways] == [["scale"]]
    ways = Stream()(*block_pair(160), hierarchical=True)[1][0].remedies
    assert [list(way) for way in ways] == [["scale"]]


def test_it_can_be_switched_off_and_needs_a_known_range() -> None:
    assert Stream()(*block_pair(160), remove_too_near=False) == (None, ())


def test_of_exchanged_images_nothing_is_told_about_the_range() -> None:
    left, right = block_pair(160)
    assert kinds(Stream()(left, np.roll(right, 6, axis=0))[1]) == [RowsOff]
