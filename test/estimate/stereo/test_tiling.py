# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from foundation_stereo_ros.bench.inputs import stereo_pictures
from foundation_stereo_ros.estimate.config import PipelineConfig
from foundation_stereo_ros.estimate.stereo.tiling import BLEND, CONTEXT, Cut, Tiling, tiling_for
from foundation_stereo_ros.estimate.stereo.torch_backend import TorchBackend
from foundation_stereo_ros.nets.stereo import NetworkConfig
from foundation_stereo_ros.weights.shipped import shipped_checkpoint

SIDES = st.integers(1, 2500)


@st.composite
def cuts(draw: st.DrawFn) -> Cut:
    lead, trail, blend = draw(st.integers(0, 150)), draw(st.integers(0, 50)), draw(st.integers(1, 50))
    window = draw(st.integers(lead + trail + 3 * blend, 800))
    return Cut(draw(st.integers(window, 3000)), window, lead, trail, blend)


@settings(deadline=None)
@given(cuts())
def test_weights_add_up_to_one_at_every_pixel(cut: Cut) -> None:
    total = np.zeros(cut.length)
    for start, weights in cut.weights():
        assert weights.shape == (cut.window,) and weights.min() >= 0
        total[start : start + cut.window] += weights
    np.testing.assert_allclose(total, 1, atol=1e-6)


@settings(deadline=None)
@given(cuts())
def test_what_does_not_count_weighs_nothing(cut: Cut) -> None:
    windows = list(cut.weights())
    assert windows[0][0] == 0 and windows[-1][0] == cut.length - cut.window
    for number, (_, weights) in enumerate(windows):
        if number:
            assert (weights[: cut.lead] == 0).all()
        if number < len(windows) - 1:
            assert (weights[cut.window - cut.trail :] == 0).all()


@settings(deadline=None)
@given(cuts())
def test_one_window_fewer_would_not_do(cut: Cut) -> None:
    count = len(cut.starts)
    assert count * cut.window - (count - 1) * cut.overlap >= cut.length
    if count > 1:
        assert (count - 1) * cut.window - (count - 2) * cut.overlap < cut.length


@settings(deadline=None, max_examples=30)
@given(SIDES, SIDES, st.integers(1024, 400_000), st.sampled_from([0, 64, 128, 416]))
def test_tiles_fit_and_hold_every_counterpart(width: int, height: int, pixels: int, max_disp: int) -> None:
    tiling = tiling_for((width, height), pixels, max_disp)
    if tiling is None:
        least = (max_disp + CONTEXT + 4 * BLEND) * (2 * CONTEXT + 4 * BLEND)
        assert pixels < least or width * height < least
        return
    assert -(-tiling.size[0] // 32) * -(-tiling.size[1] // 32) * 32**2 <= pixels
    assert (tiling.rows.length, tiling.columns.length) == (height, width)
    if tiling.columns.window < width:
        assert tiling.columns.lead >= max_disp


def test_full_rows_are_preferred_since_they_need_no_room_for_counterparts() -> None:
    tiling = tiling_for((640, 480), 640 * 224, 128)
    assert tiling is not None
    assert tiling.size == (640, 224) and tiling.rows.starts == (0, 128, 256)


def test_blended_tiles_are_the_whole_where_the_estimate_is_local() -> None:
    rng = np.random.default_rng(0)
    left, right = rng.integers(0, 256, (2, 301, 417, 3), dtype=np.uint8)

    def local(left: np.ndarray, right: np.ndarray) -> np.ndarray:
        return left[..., 0].astype(np.float32) + right[..., 1]

    tiling = Tiling(Cut(301, 160), Cut(417, 256, lead=64))
    assert tiling.count == 12 and tiling.size == (256, 160)
    np.testing.assert_allclose(tiling.run(left, right, local), local(left, right), rtol=1e-6)


def test_a_tile_may_say_anything_where_it_does_not_count() -> None:
    tiling = Tiling(Cut(160, 160), Cut(417, 256, lead=64))
    image = np.zeros((160, 417, 3), np.uint8)

    def blind_at_the_left(left: np.ndarray, right: np.ndarray) -> np.ndarray:
        found = np.ones(left.shape[:2], np.float32)
        found[:, :64] = np.nan
        return found

    blended = tiling.run(image, image, blind_at_the_left)
    assert np.isnan(blended[:, :64]).all() and (blended[:, 64:] == 1).all()


@pytest.fixture(scope="module")
def network() -> TorchBackend:
    return TorchBackend.load(
        shipped_checkpoint("tiny"), torch.device("cpu"), PipelineConfig(device="cpu", precision="fp32")
    )


def test_tiles_of_the_network_agree_with_the_whole(network: TorchBackend) -> None:
    # A textured plane at ten pixels.
    left, right = stereo_pictures(320, 512)
    config = PipelineConfig(device="cpu", precision="fp32")
    whole = network(left, right, config)
    tiling = tiling_for((512, 320), 320 * 224, NetworkConfig.preset("tiny").max_disp)
    assert tiling is not None and tiling.count > 1
    tiled = tiling.run(left, right, lambda a, b: network(a, b, config))
    # Beside the left border, which has no counterpart in any case.
    apart = np.abs(tiled - whole)[:, 16:]
    assert 0 < apart.mean() < 0.05 and np.percentile(apart, 99) < 0.3
    assert np.abs(tiled - 10)[:, 16:].mean() < np.abs(whole - 10)[:, 16:].mean() + 0.05
