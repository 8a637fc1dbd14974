# SPDX-License-Identifier: Apache-2.0
"""The network against numbers of the published one, with the same seeded weights, on the CPU."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np
import pytest
import torch
from seeded_network import DATA, REFERENCE
from seeded_views import FULL, SMALL, published_weights, seeded_views_network
from torch import Tensor

from foundation_stereo_ros.nets.views import Mast3r, PairPrediction
from foundation_stereo_ros.nets.views.head import confidence_of, points_of
from foundation_stereo_ros.weights.views import read_views_layout

FOLDER = REFERENCE / "mast3r"
CASES = {"small_landscape": SMALL, "small_portrait": SMALL, "full_64x96": FULL}
# Largest |a - b| / (1 + |b|): five times what the published network in float64 differs from its float32.
BOUNDS = {"pts3d": 2e-4, "conf": 5e-5, "desc": 2e-5, "desc_conf": 1e-4}
TAP_BOUND = 1e-4
PLACES = {
    "patch_embed": "patches",
    "enc_blocks.0.attn": "encoder.0.attn",
    "enc_blocks.0": "encoder.0",
    "enc_blocks.2": "encoder.2",
    "enc_blocks.11": "encoder.11",
    "enc_blocks.23": "encoder.23",
    "enc_norm": "encoder_norm",
    "decoder_embed": "embed",
    "dec_blocks.0.attn": "decoder1.0.attn",
    "dec_blocks.0.cross_attn": "decoder1.0.cross_attn",
    **{f"dec_blocks.{i}": f"decoder1.{i}" for i in (0, 5, 8, 11)},
    **{f"dec_blocks2.{i}": f"decoder2.{i}" for i in (0, 11)},
    "dec_norm": "decoder_norm",
    **{
        f"downstream_head{head}.{theirs}": f"head{head}.{ours}"
        for head in (1, 2)
        for theirs, ours in (
            *((f"dpt.act_postprocess.{i}", f"dpt.resizes.{i}") for i in range(4)),
            *((f"dpt.scratch.layer{i + 1}_rn", f"dpt.reduces.{i}") for i in range(4)),
            *((f"dpt.scratch.refinenet{i + 1}", f"dpt.fusions.{i}") for i in range(4)),
            ("dpt.head.0", "dpt.output"),
            ("dpt.head", "points"),
            ("head_local_features", "local"),
        )
    },
}

with_reference = pytest.mark.skipif(not FOLDER.is_dir(), reason=f"no reference outputs in {FOLDER}")


def _images(golden: Any, dtype: torch.dtype) -> tuple[Tensor, Tensor]:
    one, two = (
        torch.from_numpy(golden[name]).permute(2, 0, 1)[None].to(dtype) for name in ("image1", "image2")
    )
    return one, two


def _deviation(found: np.ndarray, expected: np.ndarray) -> float:
    return float((np.abs(found - expected) / (1 + np.abs(expected))).max())


def _check(found: PairPrediction, golden: Any) -> None:
    for place, view in zip(("11", "21", "22", "12"), found, strict=True):
        for name, tensor in zip(BOUNDS, view, strict=True):
            values = tensor[0].numpy()
            thinned = f"{name}_every4_{place}"
            if thinned in golden:
                deviation = _deviation(values[::4, ::4], golden[thinned])
            else:
                deviation = _deviation(values, golden[f"{name}_{place}"])
            assert deviation <= BOUNDS[name], (name, place)


@contextmanager
def _tapped(model: Mast3r) -> Iterator[dict[str, list[Tensor]]]:
    """Collect what modules return, one entry a call, by the reference's names."""
    found: dict[str, list[Tensor]] = {}
    modules = dict(model.named_modules())
    hooks = [
        modules[ours].register_forward_hook(
            lambda m, i, out, name=theirs: found.setdefault(name, []).append(out)
        )
        for theirs, ours in PLACES.items()
        if ours in modules
    ]
    try:
        yield found
    finally:
        for hook in hooks:
            hook.remove()


def _as_stored(tap: Tensor) -> np.ndarray:
    """Cut a tensor as the reference does: small ones are whole."""
    values = tap.numpy()
    if values.size <= 9000:
        return values
    if values.ndim == 3:
        return values[:, :8, :32]
    rows, columns = ((size - min(8, size)) // 2 for size in values.shape[2:])
    return values[:, :16, rows : rows + 8, columns : columns + 8]


def _check_taps(found: dict[str, list[Tensor]], golden: Any) -> int:
    names = [name for name in golden.files if f"{name}.stat" in golden.files]
    checked = 0
    for name in names:
        place, _, call = name.removeprefix("tap.").partition(".call")
        tap = found[place][int(call or 0)]
        if place == "patch_embed":
            tap = tap.flatten(2).transpose(1, 2)
        assert list(tap.shape) == golden[f"{name}.shape"].tolist(), name
        stored = golden[name]
        assert _deviation(_as_stored(tap), stored) <= TAP_BOUND, name
        values = tap.double()
        *stat, total = golden[f"{name}.stat"]
        own = (values.mean(), values.std(correction=0), values.min(), values.max())
        assert _deviation(np.array(own), np.array(stat)) <= TAP_BOUND, name
        assert values.abs().sum() == pytest.approx(total, rel=TAP_BOUND), name
        checked += 1
    return checked


@with_reference
@pytest.mark.parametrize("case", CASES)
@torch.inference_mode()
def test_outputs_and_all_that_comes_before_them_are_those_of_the_published_network(case: str) -> None:
    golden = np.load(FOLDER / f"model_{case}.npz")
    model = seeded_views_network(CASES[case])
    with _tapped(model) as taps:
        found = model(*_images(golden, torch.float32))
    _check(found, golden)
    assert _check_taps(taps, golden) >= 28


@with_reference
@pytest.mark.parametrize("case", ["small_landscape", "small_portrait"])
@torch.inference_mode()
def test_in_float64_the_difference_is_the_rounding_of_the_published_one(case: str) -> None:
    golden = np.load(FOLDER / f"model_{case}.npz")
    model = Mast3r(SMALL).double().eval()
    model.load_state_dict(read_views_layout(published_weights())[1])
    _check(model(*_images(golden, torch.float64)), golden)


@with_reference
def test_raw_numbers_become_points_and_confidences() -> None:
    parts = np.load(FOLDER / "parts.npz")
    raw = torch.from_numpy(parts["post_raw"])
    np.testing.assert_allclose(points_of(raw), parts["post_xyz"], rtol=1e-5, atol=1e-6)
    np.testing.assert_allclose(confidence_of(raw[:, 0]), parts["post_conf"], rtol=1e-5)
    np.testing.assert_allclose(raw[:, 0].exp(), parts["post_qconf"], rtol=1e-5)


@torch.inference_mode()
def test_a_few_pixels_of_the_published_network() -> None:
    golden = np.load(DATA / "views_small_landscape.npz")
    found = seeded_views_network()(*_images(golden, torch.float32))
    for place, view in zip(("11", "21", "22", "12"), found, strict=True):
        for name, tensor in zip(BOUNDS, view, strict=True):
            values = tensor[0, ::8, ::8].numpy()
            assert _deviation(values, golden[f"{name}_{place}"]) <= BOUNDS[name], (name, place)
