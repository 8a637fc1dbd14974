# SPDX-License-Identifier: Apache-2.0
"""The networks on a CUDA device, against the same networks on the CPU and against the reference's numbers.

With DEVICE=cpu in the environment the tests themselves are tried, on the CPU (`device_tests`).
"""

from __future__ import annotations

import copy
import functools
import re
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pytest
import torch
from device_tests import DEVICE, MARKS, MEAN, WORST, full_float32, network
from seeded_network import DATA, REFERENCE, as_tensor, seeded_network
from torch import Tensor

from foundation_stereo_ros.nets.parts import attention as attentions
from foundation_stereo_ros.nets.parts.attention import attend, flash_fits
from foundation_stereo_ros.nets.stereo import EarlyStop, StereoNetwork, for_inference, pad_to_multiple
from foundation_stereo_ros.weights import load_checkpoint, save_checkpoint

pytestmark = MARKS
slow_on_a_cpu = pytest.mark.skipif(DEVICE.type == "cpu", reason="takes minutes on a CPU")

HALF = [torch.float16, torch.bfloat16]
ITERATIONS = 3
SHIFT = 6
PRESETS = {"vits": "small", "vitl": "large"}

cases = [
    DATA / "small_101x203_disparity.npz",
    *(
        pytest.param(file, marks=slow_on_a_cpu if file.stem.startswith("vitl") else ())
        for file in sorted(REFERENCE.glob("vit*.npz"))
    ),
]


@pytest.fixture(autouse=True)
def exact() -> Iterator[None]:
    with full_float32():
        yield


def on_device(made: StereoNetwork) -> StereoNetwork:
    return copy.deepcopy(made).to(DEVICE)


@functools.cache
def pictures() -> tuple[Tensor, Tensor]:
    """Return two pairs of 96 x 192 pixels: spots of several sizes, `SHIFT` pixels apart."""
    generator = torch.Generator().manual_seed(5)
    wide = torch.zeros(2, 3, 96, 192 + SHIFT)
    for grain in (1, 3, 9, 33):
        spots = torch.rand(2, 3, 96 // grain + 2, wide.shape[-1] // grain + 2, generator=generator)
        wide += torch.nn.functional.interpolate(spots, size=wide.shape[-2:], mode="bilinear")
    wide = (wide * (255 / 4)).floor()
    return wide[..., :-SHIFT].contiguous(), wide[..., SHIFT:].contiguous()


@functools.cache
def expected(preset: str) -> Tensor:
    """Return what the CPU finds in float32."""
    with torch.inference_mode():
        return network(preset)(*pictures(), ITERATIONS)


def brought(*tensors: Tensor) -> tuple[Tensor, ...]:
    return tuple(tensor.to(DEVICE) for tensor in tensors)


def check(found: Tensor, wanted: Tensor) -> None:
    assert found.device.type == DEVICE.type and found.dtype == torch.float32
    error = (found.cpu() - wanted).abs()
    assert float(error.mean()) < MEAN
    assert float(error.max()) < WORST


@pytest.mark.parametrize("preset", ["lean", "tiny"])
@pytest.mark.parametrize("prepare", [lambda made: made, for_inference], ids=["plain", "for_inference"])
@torch.inference_mode()
def test_the_disparities_are_those_of_the_cpu(
    preset: str, prepare: Callable[[StereoNetwork], StereoNetwork]
) -> None:
    made = prepare(on_device(network(preset)))
    both = made(*brought(*pictures()), ITERATIONS)
    check(both, expected(preset))
    one = made(*(view[:1] for view in brought(*pictures())), ITERATIONS)
    check(one, expected(preset)[:1])


@pytest.mark.parametrize("preset", ["lean", "tiny"])
@torch.inference_mode()
def test_prepared_on_the_cpu_and_brought_over_they_are_the_same(preset: str) -> None:
    made = for_inference(copy.deepcopy(network(preset)))
    made(*pictures(), ITERATIONS)  # computes what it keeps for the CPU
    check(made.to(DEVICE)(*brought(*pictures()), ITERATIONS), expected(preset))


@pytest.mark.parametrize("dtype", HALF, ids=str)
@torch.inference_mode()
def test_half_precision_is_near_for_the_published_kind_of_network(dtype: torch.dtype) -> None:
    found = _autocast("tiny", dtype)
    error = (found - expected("tiny")).abs()
    mean, worst = (0.02, 0.2) if dtype == torch.float16 else (0.15, 1.0)
    assert float(error.mean()) < mean and float(error.max()) < worst


@pytest.mark.parametrize("dtype", HALF, ids=str)
@torch.inference_mode()
def test_half_precision_of_the_lean_network_seldom_takes_another_match(dtype: torch.dtype) -> None:
    """Random weights have many matches about as good as the best one; rounding decides between these."""
    found = _autocast("lean", dtype)
    error = (found - expected("lean")).abs()
    median, share = (0.02, 0.9) if dtype == torch.float16 else (0.1, 0.7)
    assert float(error.median()) < median
    assert float((error < 1.0).float().mean()) > share


def _autocast(preset: str, dtype: torch.dtype) -> Tensor:
    made = for_inference(on_device(network(preset)))
    with torch.autocast(DEVICE.type, dtype):
        found = made(*brought(*pictures()), ITERATIONS)
    assert found.dtype == torch.float32 and found.device.type == DEVICE.type
    return found.cpu()


@pytest.mark.parametrize("preset", ["lean", "tiny"])
@torch.inference_mode()
def test_two_passes_are_those_of_the_cpu(preset: str) -> None:
    left, right = (view[..., :90, :170] for view in pictures())
    wanted = network(preset).hierarchical(left, right, 2)
    check(on_device(network(preset)).hierarchical(*brought(left, right), 2), wanted)


@torch.inference_mode()
def test_an_early_stop_counts_as_on_the_cpu() -> None:
    counts = []
    for made, pair in ((network("tiny"), pictures()), (on_device(network("tiny")), brought(*pictures()))):
        stop = EarlyStop(2.0, share=0.5)
        made(*pair, 6, stop=stop)
        counts.append(stop.iterations)
    assert counts[0] == counts[1]


@pytest.mark.parametrize("preset", ["lean", "tiny"])
def test_weights_saved_from_the_device_are_those_of_the_cpu(preset: str, tmp_path: Path) -> None:
    file = tmp_path / "weights.safetensors"
    save_checkpoint(file, on_device(network(preset)))
    loaded = load_checkpoint(file, device=DEVICE)
    assert {parameter.device.type for parameter in loaded.parameters()} == {DEVICE.type}
    wanted = network(preset).state_dict()
    for name, value in loaded.state_dict().items():
        assert torch.equal(value.cpu(), wanted[name]), name


@pytest.mark.parametrize("file", cases, ids=lambda file: file.stem)
@torch.inference_mode()
def test_the_published_sizes_give_the_reference_disparity(file: Path) -> None:
    size, name, attention = re.fullmatch(r"(vit\w|small)_(\w+)_(disparity|heads)", file.stem).groups()
    case = np.load(file)
    made = on_device(seeded_network(PRESETS.get(size, size), attention, name.endswith("bn")))
    left, padding = pad_to_multiple(as_tensor(case["left"]).to(DEVICE))
    right = padding.apply(as_tensor(case["right"]).to(DEVICE))
    for iterations in (1, 8):
        wanted = torch.from_numpy(case[f"disp_it{iterations}"]).squeeze()
        check(padding.crop(made(left, right, iterations)).squeeze(), wanted)
    if "disp_hiera_direct_it8" in case.files:
        direct = made.hierarchical(*(as_tensor(case[side]).to(DEVICE) for side in ("left", "right")), 8)
        check(direct.squeeze(), torch.from_numpy(case["disp_hiera_direct_it8"]).squeeze())


@slow_on_a_cpu
@pytest.mark.parametrize("dtype", HALF, ids=str)
@torch.inference_mode()
def test_half_precision_of_a_published_size_stays_near_float32(dtype: torch.dtype) -> None:
    """On a CPU the medians are 0.16 px in float16 and 1.0 px in bfloat16, of disparities of up to 314 px."""
    case = np.load(DATA / "small_101x203_disparity.npz")
    left, right = (as_tensor(case[side])[..., :64, :96].contiguous() for side in ("left", "right"))
    wanted = seeded_network("small")(left, right, 1)
    made = for_inference(on_device(seeded_network("small")))
    with torch.autocast(DEVICE.type, dtype):
        found = made(*brought(left, right), 1)
    assert float((found.cpu() - wanted).abs().median()) < (0.5 if dtype == torch.float16 else 4.0)


@pytest.mark.parametrize("dtype", [torch.float32, *HALF], ids=str)
@pytest.mark.parametrize(("heads", "width"), [(4, 7), (2, 4), (6, 64), (16, 64)])
def test_attention_is_that_of_float64(dtype: torch.dtype, heads: int, width: int) -> None:
    generator = torch.Generator().manual_seed(0)
    q, k, v = torch.randn(3, 3, 130, heads, width, dtype=torch.float64, generator=generator)
    weights = torch.einsum("bnhd,bmhd->bhnm", q, k).div(width**0.5).softmax(-1)
    wanted = torch.einsum("bhnm,bmhd->bnhd", weights, v)
    found = attend(*(x.to(DEVICE, dtype) for x in (q, k, v)))
    assert found.dtype == dtype and found.shape == q.shape
    bound = {torch.float32: 1e-5, torch.float16: 5e-3, torch.bfloat16: 4e-2}[dtype]
    assert float((found.double().cpu() - wanted).abs().max()) < bound


def test_flash_attention_is_taken_where_it_is_installed_and_fits() -> None:
    q = torch.zeros(1, 4, 2, 64, device=DEVICE)
    installed = attentions._flash_attn_func is not None
    new = DEVICE.type == "cuda" and torch.cuda.get_device_capability(DEVICE) >= (8, 0)
    assert flash_fits(q.half()) == flash_fits(q.bfloat16()) == (installed and new)
    assert not flash_fits(q) and not flash_fits(q.half()[..., :7])


@torch.inference_mode()
def test_a_compiled_network_gives_the_same() -> None:
    made = on_device(network("lean"))
    torch._dynamo.reset()
    try:
        found = torch.compile(made)(*brought(*pictures()), ITERATIONS)
    except Exception as error:
        # A compiler may be missing, or not know this device; what it throws depends on where it stopped.
        if type(error).__module__.partition(".")[0] != "torch":
            raise
        pytest.skip(f"compiling does not work here: {str(error).splitlines()[0]}")
    check(found, expected("lean"))
