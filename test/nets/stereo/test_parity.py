# SPDX-License-Identifier: Apache-2.0
"""The network against numbers of the reference network, with the same seeded weights, float32 on the CPU."""

import copy
import re

import numpy as np
import pytest
import torch
from seeded_network import DATA, REFERENCE, as_tensor, recording, seeded_network

from foundation_stereo_ros.nets.stereo import FoundationStereo, for_inference, pad_to_multiple

WORST, MEAN = 1e-2, 1e-3  # pixels; the reference differs from its own float64 by 3e-3 and 3e-4
PRESETS = {"vits": "small", "vitl": "large"}
# how far taps may be off, relative to a spread of 1; the lookup repeats the disparity's error times the
# volume's slope
TAP_BOUNDS = {"geo_feat": 2e-2, "logits": 5e-3, "net0": 2e-3, "comb_volume": 1e-3}
TAP_BOUND = 7e-4

cases = sorted(REFERENCE.glob("vit*.npz"))
needs_reference = pytest.mark.skipif(not cases, reason=f"no reference outputs in {REFERENCE}")


def padded_pair(case):
    left, padding = pad_to_multiple(as_tensor(case["left"]))
    return left, padding.apply(as_tensor(case["right"])), padding


def check(estimate, expected):
    error = np.abs(estimate.squeeze().numpy() - expected.squeeze())
    assert error.max() < WORST
    assert error.mean() < MEAN


def check_taps(found, case):
    names = [key.removesuffix(".origin") for key in case.files if key.endswith(".origin")]
    for name in (n for n in names if n in found):
        tap, crop, origin = found[name].numpy(), case[name], case[f"{name}.origin"]
        spatial = [slice(start, start + size) for start, size in zip(origin, crop.shape[2:], strict=True)]
        error = np.abs(tap[(..., *spatial)][:, : crop.shape[1]] - crop).max()
        bound = next((b for part, b in TAP_BOUNDS.items() if part in name), TAP_BOUND)
        assert error < bound * max(1.0, float(crop.std())), name
    assert names


@torch.inference_mode()
def test_small_network_gives_the_reference_disparity():
    case = np.load(DATA / "small_101x203_disparity.npz")
    model = seeded_network("small")
    left, right, padding = padded_pair(case)
    assert tuple(padding) == tuple(case["pad"])
    check(padding.crop(model(left, right, iterations=1)), case["disp_it1"])
    with recording(model) as found:
        check(padding.crop(model(left, right, iterations=8)), case["disp_it8"])
    check_taps(found, case)
    check(model(left, right, 1, every_iteration=True).initial, case["init_disp"])


@torch.inference_mode()
def test_prepared_for_inference_it_still_gives_the_reference_disparity():
    case = np.load(DATA / "small_101x203_disparity.npz")
    model = for_inference(copy.deepcopy(seeded_network("small")))
    left, right, padding = padded_pair(case)
    check(padding.crop(model(left, right, iterations=1)), case["disp_it1"])
    check(padding.crop(model(left, right, iterations=8)), case["disp_it8"])


@torch.inference_mode()
def test_small_network_gives_the_reference_disparity_in_two_passes():
    case = np.load(DATA / "small_101x203_disparity.npz")
    left, right = as_tensor(case["left"]), as_tensor(case["right"])
    check(seeded_network("small").hierarchical(left, right, iterations=8), case["disp_hiera_direct_it8"])


@torch.inference_mode()
def test_attention_over_heads_gives_what_the_public_code_gives_since_june_2025():
    case = np.load(DATA / "small_160x224_heads.npz")
    left, right, padding = padded_pair(case)
    check(padding.crop(seeded_network("small", "heads")(left, right, iterations=4)), case["disp_it4"])


@torch.inference_mode()
def test_float64_agrees_with_float32():
    case = np.load(DATA / "small_101x203_disparity.npz")
    single = seeded_network("small")
    double = FoundationStereo(single.config).eval()
    double.load_state_dict(single.state_dict())
    double.double()
    left, right = (as_tensor(case[side])[..., :64, :160] for side in ("left", "right"))
    exact = double(left.double(), right.double(), iterations=3)
    assert exact.dtype == torch.float64
    check(exact, single(left, right, iterations=3).numpy())


@needs_reference
@pytest.mark.parametrize("file", cases, ids=lambda file: file.stem)
@torch.inference_mode()
def test_every_reference_case(file):
    size, name, attention = re.fullmatch(r"(vit\w)_(\w+)_(disparity|heads)", file.stem).groups()
    case = np.load(file)
    model = seeded_network(PRESETS[size], attention, name.endswith("bn"))
    left, right, padding = padded_pair(case)
    with recording(model) as found:
        check(padding.crop(model(left, right, iterations=1)), case["disp_it1"])
    check_taps(found, case)
    for iterations in (4, 8):
        check(padding.crop(model(left, right, iterations)), case[f"disp_it{iterations}"])
    check(padding.crop(model.hierarchical(left, right, 8)), case["disp_hiera_it8"])
    if "disp_hiera_direct_it8" in case.files:
        direct = model.hierarchical(as_tensor(case["left"]), as_tensor(case["right"]), 8)
        check(direct, case["disp_hiera_direct_it8"])
