# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import json
from pathlib import Path

import pytest
import torch

from foundation_stereo_ros.errors import CheckpointError, ConfigError, ImageError
from foundation_stereo_ros.nets.stereo import (
    EarlyStop,
    LeanConfig,
    LeanStereo,
    build_network,
    for_inference,
    network_preset,
)
from foundation_stereo_ros.weights import load_checkpoint, save_checkpoint
from foundation_stereo_ros.weights.checkpoint import read_checkpoint, write_tensors


@pytest.fixture(scope="module")
def model() -> LeanStereo:
    torch.manual_seed(0)
    return LeanStereo(LeanConfig(max_disp=64)).eval()


def pair(height: int = 64, width: int = 96, batch: int = 1) -> tuple[torch.Tensor, torch.Tensor]:
    generator = torch.Generator().manual_seed(1)
    wide = torch.rand(batch, 3, height, width + 8, generator=generator) * 255
    return wide[..., :width].contiguous(), wide[..., 8:].contiguous()  # disparity 8


@torch.inference_mode()
def test_shape_and_type(model: LeanStereo) -> None:
    found = model(*pair(batch=2))
    assert found.shape == (2, 1, 64, 96)
    assert found.dtype == torch.float32
    assert found.isfinite().all()


@torch.inference_mode()
def test_a_pair_does_not_depend_on_its_batch(model: LeanStereo) -> None:
    left, right = pair(batch=3)
    torch.testing.assert_close(model(left, right)[1:2], model(left[1:2], right[1:2]), atol=1e-3, rtol=0)


@torch.inference_mode()
def test_rows_far_apart_do_not_mix_up(model: LeanStereo) -> None:
    """Even with random weights, a match is looked for in the same row alone."""
    left, right = pair(128, 96)
    other = right.clone()
    other[..., 96:, :] = 0
    apart = (model(left, right) - model(left, other)).abs()[..., :16, :]
    assert apart.max() < 1.0


@torch.inference_mode()
def test_in_float64_it_is_the_same(model: LeanStereo) -> None:
    double = LeanStereo(model.config).double().eval()
    double.load_state_dict(model.state_dict())
    found = double(*(view.double() for view in pair()))
    assert found.dtype == torch.float64
    assert (found - model(*pair())).abs().median() < 1e-3


@torch.inference_mode()
def test_made_ready_for_inference_it_is_the_same(model: LeanStereo) -> None:
    ready = LeanStereo(model.config)
    ready.load_state_dict(model.state_dict())
    torch.testing.assert_close(for_inference(ready)(*pair()), model(*pair()), atol=1e-2, rtol=0)


def test_every_weight_is_trained() -> None:
    torch.manual_seed(0)
    network = LeanStereo(LeanConfig(max_disp=64)).train()
    torch.nn.init.normal_(network.refinement.shift.weight, std=0.1)
    output = network(*pair(), every_iteration=True)
    assert output.initial.shape == (1, 1, 16, 24)
    assert output.logits.shape == output.correlation.shape == (1, 16, 24, 16)
    assert output.half.offered.shape == output.half.preferences.shape == (1, 8, 32, 48)
    sums = [output.refined[-1].sum(), output.logits.square().sum(), output.half.sharpened.sum()]
    torch.stack(sums).sum().backward()
    without = [name for name, p in network.named_parameters() if p.grad is None or not p.grad.abs().max() > 0]
    assert without == []


@torch.inference_mode()
def test_what_is_too_near_for_the_full_size_is_taken_from_the_small_one(
    model: LeanStereo, monkeypatch: pytest.MonkeyPatch
) -> None:
    sizes = []

    def forward(left: torch.Tensor, right: torch.Tensor, stop: EarlyStop | None = None) -> torch.Tensor:
        sizes.append(tuple(left.shape[-2:]))
        found = torch.full((1, 1, *left.shape[-2:]), 20.0)
        if left.shape[-1] < 96:
            found[..., 32:] = 40.0  # of half the size: 80, more than 64; 8 columns are padding
        return found

    monkeypatch.setattr(model, "forward", forward)
    found = model.hierarchical(*pair(), iterations=1)
    assert sizes == [(32, 64), (64, 96)]  # padded to multiples of 32
    assert (found[..., :46] == 20).all()
    assert (found[..., 50:] == 80).all()


def test_images_and_ratios_that_it_cannot_take_are_refused(model: LeanStereo) -> None:
    left, right = pair()
    with pytest.raises(ImageError, match="multiples of 32"):
        model(left[..., :50], right[..., :50])
    with pytest.raises(ImageError, match="expected the same"):
        model(left, right[:, :1])
    with pytest.raises(ConfigError, match="small_ratio is 1"):
        model.hierarchical(left, right, 1, small_ratio=1.0)


def test_an_early_stop_counts_one_refinement(model: LeanStereo) -> None:
    stop = EarlyStop(0.1)
    with torch.inference_mode():
        model(*pair(), iterations=7, stop=stop)
    assert stop.iterations == 1
    assert model.config.refinements(7) == 1


def test_the_file_says_which_kind_it_holds(model: LeanStereo, tmp_path: Path) -> None:
    file = tmp_path / "a.safetensors"
    save_checkpoint(file, model, {"steps": "3"})
    assert read_checkpoint(file).metadata == {"steps": "3"}
    loaded = load_checkpoint(file, max_disp=96)
    assert isinstance(loaded, LeanStereo)
    assert loaded.config == LeanConfig(max_disp=96)
    for name, value in model.state_dict().items():
        assert torch.equal(loaded.state_dict()[name], value)
    with pytest.raises(CheckpointError, match="unknown network setting 'iterations'"):
        load_checkpoint(file, iterations=3)


def test_a_file_of_an_unknown_kind_is_refused(model: LeanStereo, tmp_path: Path) -> None:
    header = {"format": "foundation_stereo_ros/1", "kind": "huge", "config": json.dumps({})}
    write_tensors(tmp_path / "a.safetensors", model.state_dict(), header)
    with pytest.raises(CheckpointError, match="kind is 'huge'; expected one of foundation_stereo, lean"):
        read_checkpoint(tmp_path / "a.safetensors")


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("max_disp", 100),
        ("widths", (16, 32, 64)),
        ("groups", 0),
        ("matching_width", 44),
        ("volume_widths", (8, 16, 0)),
        ("half_matching_width", 1),
        ("refinement_width", 0),
    ],
)
def test_sizes_out_of_their_range_are_refused(name: str, value: object) -> None:
    with pytest.raises(ConfigError, match=f"network {name} is"):
        LeanConfig(**{name: value})  # type: ignore[arg-type]


def test_presets_of_both_kinds_are_found_by_name() -> None:
    config = network_preset("lean", max_disp=64)
    assert config == LeanConfig(max_disp=64)
    assert isinstance(build_network(config), LeanStereo)
    assert network_preset("tiny").monocular is None
    assert sum(p.numel() for p in build_network(network_preset("lean")).parameters()) < 700_000
    with pytest.raises(ConfigError, match="preset is 'huge'; expected one of large, base, small, tiny, lean"):
        network_preset("huge")
