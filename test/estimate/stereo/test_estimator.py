# SPDX-License-Identifier: Apache-2.0
"""The real network, small and untrained: what is tested is what the estimator does around it."""

from __future__ import annotations

import copy
import functools
import re
import subprocess
import sys
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from foundation_stereo_ros.errors import CheckpointError, ConfigError, ImageError
from foundation_stereo_ros.estimate.config import PipelineConfig
from foundation_stereo_ros.estimate.grid import resize_disparity, resize_image
from foundation_stereo_ros.estimate.interface import StereoSample
from foundation_stereo_ros.estimate.stereo.estimator import StereoEstimator
from foundation_stereo_ros.estimate.validity import left_right_confidence
from foundation_stereo_ros.geometry.camera import Camera, StereoRig
from foundation_stereo_ros.nets.stereo import (
    FoundationStereo,
    LeanConfig,
    LeanStereo,
    NetworkConfig,
    pad_to_multiple,
)

HEIGHT, WIDTH = 45, 75


@functools.cache
def network() -> FoundationStereo:
    torch.manual_seed(3)
    return FoundationStereo(NetworkConfig.preset("tiny", max_disp=64)).eval()


def pair(height: int = HEIGHT, width: int = WIDTH) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(1)
    wide = rng.integers(0, 256, (height, width + 8, 3), dtype=np.uint8)
    return wide[:, :width], wide[:, 8:]


def rig(height: int = HEIGHT, width: int = WIDTH, doffs: float = 0.0) -> StereoRig:
    left = Camera(width, height, fx=60.0, fy=61.0, cx=37.0, cy=22.0)
    right = Camera(width, height, fx=60.0, fy=61.0, cx=37.0 - doffs, cy=22.0)
    return StereoRig(left, right, baseline=0.2)


def estimator(**values: Any) -> StereoEstimator:
    return StereoEstimator(
        PipelineConfig.from_mapping({"device": "cpu", "precision": "fp32", "iterations": 1, **values}),
        network(),
    )


def lean_estimator(**values: Any) -> StereoEstimator:
    torch.manual_seed(3)
    model = LeanStereo(LeanConfig(max_disp=64)).eval()
    config = {"device": "cpu", "precision": "fp32", "z_far": 1e4, "remove_invisible": False, **values}
    return StereoEstimator(PipelineConfig.from_mapping(config), model)


def by_hand(left: np.ndarray, right: np.ndarray, iterations: int = 1) -> np.ndarray:
    tensors = [torch.from_numpy(np.array(image)).permute(2, 0, 1)[None].float() for image in (left, right)]
    padded, padding = pad_to_multiple(tensors[0])
    with torch.inference_mode():
        return padding.crop(network()(padded, padding.apply(tensors[1]), iterations))[0, 0].numpy()


def test_the_disparity_is_that_of_the_padded_images_cropped() -> None:
    left, right = pair()
    result = estimator()(left, right, rig())
    assert result.disparity.dtype == np.float32
    np.testing.assert_allclose(result.disparity, by_hand(left, right), atol=1e-4)
    assert result.image is left and result.rig == rig() and result.confidence is None
    assert list(result.seconds) == ["scale", "network", "checks", "depth"]


def test_a_step_is_a_call_and_remembers_nothing() -> None:
    one = estimator()
    expected = one(*pair(), rig())
    one(*reversed(pair()), rig())
    again = one.step(StereoSample(*pair(), rig()))
    np.testing.assert_array_equal(again.depth, expected.depth)
    assert again.camera == rig().left and again.match is not None


def test_depth_is_focal_length_times_baseline_over_disparity_where_valid() -> None:
    result = estimator(z_near=0.15, z_far=1.0)(*pair(), rig())
    assert 0.1 < result.valid.mean() < 1
    expected = 60.0 * 0.2 / result.disparity
    np.testing.assert_allclose(result.depth[result.valid], expected[result.valid], rtol=1e-5)
    assert np.isnan(result.depth[~result.valid]).all()
    assert result.depth[result.valid].min() >= 0.15 and result.depth[result.valid].max() <= 1.0
    assert np.isfinite(result.disparity).all()


def test_points_without_counterpart_are_invalid_unless_kept() -> None:
    left, right = pair()
    shown, kept = (estimator(remove_invisible=remove)(left, right, rig()) for remove in (True, False))
    outside = np.arange(WIDTH) - shown.disparity < 0
    assert outside.any() and kept.valid.all()
    np.testing.assert_array_equal(shown.valid, ~outside)


@pytest.mark.parametrize("doffs", [-4.0, 2.5])
def test_the_principal_points_difference_is_taken_off_once(doffs: float) -> None:
    left, right = pair()
    plain = estimator(remove_invisible=True)(left, right, rig())
    shifted = estimator(remove_invisible=True)(left, right, rig(doffs=doffs))
    np.testing.assert_allclose(shifted.disparity, plain.disparity - doffs, atol=1e-4)
    both = plain.valid & shifted.valid
    assert both.any()
    np.testing.assert_allclose(shifted.depth[both], 12.0 / (plain.disparity[both] - doffs), rtol=1e-4)
    # Whether a counterpart exists is a matter of image columns, not of principal points.
    np.testing.assert_array_equal(shifted.valid, plain.valid & (shifted.disparity > 0))


@pytest.mark.parametrize(("scale", "size"), [(0.37, (28, 17)), (1.6, (120, 72))])
def test_a_scaled_run_gives_the_full_grid_with_the_cameras_as_they_are(
    scale: float, size: tuple[int, int]
) -> None:
    left, right = pair()
    result = estimator(scale=scale)(left, right, rig(doffs=2.0))
    small = by_hand(resize_image(left, size), resize_image(right, size))
    assert result.disparity.shape == (HEIGHT, WIDTH)
    np.testing.assert_allclose(result.disparity, resize_disparity(small, (WIDTH, HEIGHT)) - 2.0, atol=1e-3)
    assert result.rig == rig(doffs=2.0) and result.image is left


def test_or_the_scaled_grid_with_the_cameras_scaled_by_the_true_ratios() -> None:
    left, right = pair()
    result = estimator(scale=0.37, full_resolution=False)(left, right, rig(doffs=2.0))
    assert result.disparity.shape == result.image.shape[:2] == result.valid.shape == (17, 28)
    camera = result.rig.left
    assert (camera.width, camera.height) == (28, 17)
    assert camera.fx == pytest.approx(60 * 28 / 75) and camera.cy == pytest.approx(22 * 17 / 45)
    assert result.rig.doffs == pytest.approx(2.0 * 28 / 75)
    small = by_hand(resize_image(left, (28, 17)), resize_image(right, (28, 17)))
    np.testing.assert_allclose(result.disparity, small - 2.0 * 28 / 75, atol=1e-4)


def test_both_grids_say_the_same_depth() -> None:
    left, right = pair()
    options = {"scale": 0.5, "remove_invisible": False}
    full = estimator(**options)(left, right, rig(doffs=1.0))
    small = estimator(**options, full_resolution=False)(left, right, rig(doffs=1.0))
    rows = (np.arange(small.depth.shape[0]) * HEIGHT // small.depth.shape[0])[:, None]
    columns = np.arange(small.depth.shape[1]) * WIDTH // small.depth.shape[1]
    assert np.nanmedian(full.depth[rows, columns] / small.depth) == pytest.approx(1, abs=0.02)


def test_the_hierarchical_run_is_the_networks_own_on_padded_images() -> None:
    left, right = pair()
    tensors = [torch.from_numpy(np.array(image)).permute(2, 0, 1)[None].float() for image in (left, right)]
    padded, padding = pad_to_multiple(tensors[0])
    with torch.inference_mode():
        both = network().hierarchical(padded, padding.apply(tensors[1]), 1, small_ratio=0.4)
    result = estimator(hierarchical=True, small_ratio=0.4)(left, right, rig())
    np.testing.assert_allclose(result.disparity, padding.crop(both)[0, 0].numpy(), atol=1e-4)
    assert np.abs(result.disparity - by_hand(left, right)).max() > 0.1


def test_no_iterations_means_the_weights_own_number() -> None:
    left, right = pair()
    own = network().config.iterations
    result = estimator(iterations=0)(left, right, rig())
    np.testing.assert_allclose(result.disparity, by_hand(left, right, own), atol=1e-4)
    assert np.abs(result.disparity - by_hand(left, right, own + 1)).max() > 1e-3


@pytest.mark.parametrize("confidence", [False, True])
def test_the_second_inference_is_paid_only_for_the_confidence(confidence: bool) -> None:
    calls: list[int] = []
    handle = network().register_forward_hook(lambda *_: calls.append(1))
    try:
        result = estimator(confidence=confidence)(*pair(), rig())
    finally:
        handle.remove()
    assert len(calls) == 1 + confidence
    assert (result.confidence is not None) == confidence == ("consistency" in result.seconds)


def test_confidence_compares_with_the_mirrored_pair() -> None:
    left, right = pair()
    of_right = by_hand(right[:, ::-1], left[:, ::-1])[:, ::-1]
    expected = left_right_confidence(by_hand(left, right), of_right, 2.0)
    result = estimator(confidence=True, confidence_threshold=2.0)(left, right, rig())
    assert result.confidence is not None
    np.testing.assert_allclose(result.confidence, expected, atol=1e-4)
    sure = expected >= 0.5
    assert sure.any() and not sure.all()
    assert not result.valid[result.confidence < 0.5].any()


def test_confidence_is_on_the_grid_of_the_other_outputs() -> None:
    for full, shape in ((True, (HEIGHT, WIDTH)), (False, (22, 38))):
        result = estimator(scale=0.5, confidence=True, full_resolution=full)(*pair(), rig())
        assert result.confidence is not None and result.confidence.shape == result.depth.shape == shape
        assert result.confidence.min() >= 0 and result.confidence.max() <= 1


@settings(max_examples=8, deadline=None)
@given(st.integers(4, 70), st.integers(4, 70), st.sampled_from([1.0, 0.61]), st.booleans())
def test_any_size_goes_through(height: int, width: int, scale: float, hierarchical: bool) -> None:
    result = estimator(scale=scale, hierarchical=hierarchical)(*pair(height, width), rig(height, width))
    assert result.depth.shape == result.valid.shape == result.disparity.shape == (height, width)


def test_arrays_need_not_be_contiguous_or_writable() -> None:
    left, right = pair()
    plain = estimator()(left.copy(), right.copy(), rig())
    turned = [np.asfortranarray(image[..., ::-1])[..., ::-1] for image in (left, right)]
    for image in turned:
        image.setflags(write=False)
    np.testing.assert_array_equal(estimator()(*turned, rig()).disparity, plain.disparity)


def test_half_precision_stays_near() -> None:
    left, right = pair()
    half = estimator(precision="bf16")(left, right, rig()).disparity
    assert half.dtype == np.float32
    assert 0 < np.abs(half - by_hand(left, right)).mean() < 1.0


@pytest.mark.parametrize(
    ("left", "right", "stereo", "words"),
    [
        (pair()[0], pair()[1][:, :-1], rig(), "left image is 75 x 45 and right image is 74 x 45"),
        (*pair(), rig(90, 150), "images are 75 x 45 pixels; expected 150 x 90, the left camera's size"),
        (pair()[0][..., 0], pair()[1], rig(), "left image is uint8 .45, 75.; expected uint8"),
        (pair()[0], pair()[1].astype(np.float32), rig(), "right image is float32"),
    ],
)
def test_images_that_do_not_fit_are_refused(left: Any, right: Any, stereo: StereoRig, words: str) -> None:
    with pytest.raises(ImageError, match=words):
        estimator()(left, right, stereo)


def test_settings_change_from_pair_to_pair_except_those_of_the_loaded_network() -> None:
    running = estimator()
    before = running(*pair(), rig())
    running.reconfigure(running.config.replace(z_far=0.3))
    after = running(*pair(), rig())
    assert after.valid.sum() < before.valid.sum()
    with pytest.raises(ConfigError, match="precision is 'fp32' and cannot change to 'bf16'"):
        running.reconfigure(running.config.replace(precision="bf16"))
    assert running.config.z_far == 0.3


def test_unknown_and_absent_devices_are_refused() -> None:
    with pytest.raises(ConfigError, match="device is 'gpu'; expected auto"):
        estimator(device="gpu")
    with pytest.raises(ConfigError, match="device is 'cuda:99'; PyTorch sees"):
        estimator(device="cuda:99")


def test_a_missing_weights_file_is_refused() -> None:
    with pytest.raises(CheckpointError, match=r"nowhere\.safetensors"):
        StereoEstimator(PipelineConfig(checkpoint="nowhere.safetensors"))


def test_warm_up_leaves_the_numbers_alone() -> None:
    fresh, warmed = estimator(), estimator()
    warmed.warm_up(WIDTH, HEIGHT)
    pictures = pair()
    np.testing.assert_array_equal(fresh(*pictures, rig()).disparity, warmed(*pictures, rig()).disparity)


def test_to_host_and_back() -> None:
    one = estimator()
    expected = one(*pair(), rig()).disparity
    one.to_host()
    one.to_device()
    np.testing.assert_array_equal(one(*pair(), rig()).disparity, expected)


OUT_OF_MEMORY = """
import resource, numpy as np, torch
from pathlib import Path
from foundation_stereo_ros.errors import DeviceMemoryError
from foundation_stereo_ros.geometry.camera import Camera, StereoRig
from foundation_stereo_ros.estimate.config import PipelineConfig
from foundation_stereo_ros.estimate.stereo.estimator import StereoEstimator

def run(width, height):
    image = np.zeros((height, width, 3), np.uint8)
    camera = Camera(width, height, 100.0, 100.0, 50.0, 50.0)
    return estimator(image, image, StereoRig(camera, camera, 0.1)).disparity

torch.set_num_threads(1)
estimator = StereoEstimator(PipelineConfig(device="cpu", iterations=1))
run(64, 64)
now = int(Path("/proc/self/statm").read_text().split()[0]) * resource.getpagesize()
resource.setrlimit(resource.RLIMIT_AS, (now + 2**28, now + 2**28))
try:
    run(4096, 4096)
except DeviceMemoryError as error:
    print(error)
print(run(64, 64).shape)
"""


def test_out_of_memory_is_one_clear_error_and_the_next_pair_works() -> None:
    done = subprocess.run([sys.executable, "-c", OUT_OF_MEMORY], capture_output=True, text=True, check=True)
    message, after = done.stdout.splitlines()
    assert re.fullmatch(
        r"out of memory for a pair of 4096 x 4096 pixels: [\d.]+ GiB more needed, process uses [\d.]+ of "
        r"[\d.]+ GiB; expected less to do: lower scale \(now 1\) or a memory_budget \(now off\)",
        message,
    )
    assert after == "(64, 64)"


def test_refinement_ends_early_only_if_asked_to_and_the_result_tells() -> None:
    left, right = pair()
    whole = estimator(iterations=4)(left, right, rig())
    assert whole.refinements == 4
    eager = estimator(iterations=4)
    eager.reconfigure(eager.config.replace(early_stop=10.0, early_stop_minimum=2))
    stopped = eager(left, right, rig())
    assert stopped.refinements == 2  # an untrained network moves by less than 10 pixels
    np.testing.assert_allclose(stopped.disparity, by_hand(left, right, 2), atol=1e-4)


def test_a_compiled_network_cannot_end_early() -> None:
    with pytest.raises(ConfigError, match=r"early_stop is 0\.1; expected 0 with compile"):
        StereoEstimator(PipelineConfig(device="cpu", compile=True, early_stop=0.1), copy.deepcopy(network()))


@pytest.mark.parametrize(
    "values",
    [
        {},
        {"hierarchical": True},
        {"confidence": True},
        {"scale": 0.5},
        {"early_stop": 0.1},
        {"precision": "bf16"},
        {"memory_budget": 200},
    ],
)
def test_a_lean_network_follows_every_setting(values: dict[str, Any]) -> None:
    run = lean_estimator(iterations=12, **values)
    result = run(*pair(), rig())
    assert result.disparity.shape == (HEIGHT, WIDTH)
    assert np.isfinite(result.disparity).all()
    assert (run.iterations, result.refinements) == (1, 1)  # it makes one, whatever is asked for
    assert (result.confidence is not None) == ("confidence" in values)


def test_precision_auto_takes_fp32_for_a_lean_network_on_a_cpu() -> None:
    assert lean_estimator(precision="auto").dtype == torch.float32
