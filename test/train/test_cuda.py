# SPDX-License-Identifier: Apache-2.0
"""Training on a CUDA device: gradients against the CPU's, and runs of a few steps.

With DEVICE=cpu in the environment the tests themselves are tried, on the CPU (`device_tests`).
"""

from __future__ import annotations

import copy
import json
import math
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import torch
from device_tests import DEVICE, MARKS, full_float32
from small_runs import SMALL
from torch import Tensor, nn

from foundation_stereo_ros.bench.inputs import randomize
from foundation_stereo_ros.nets.stereo import StereoNetwork, build_network, network_preset
from foundation_stereo_ros.scenes.raycast.generator import SceneGenerator, StereoBatch
from foundation_stereo_ros.train.config import TrainingConfig
from foundation_stereo_ros.train.descent import Descent
from foundation_stereo_ros.train.distributed import Group
from foundation_stereo_ros.train.feed.layered import LayeredGenerator
from foundation_stereo_ros.train.optimisation import Precision
from foundation_stereo_ros.train.trainer import Trainer
from foundation_stereo_ros.weights import load_checkpoint

pytestmark = MARKS
of_cuda_alone = pytest.mark.skipif(DEVICE.type != "cuda", reason="fp16 is trained on CUDA alone")

CPU = torch.device("cpu")
PAINTED = [{"dataset": "layered"}]
RAY_CAST = [{"dataset": "scenes"}]
SHAPE = {"height": 96, "width": 128}


@pytest.fixture(autouse=True)
def exact(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Multiply float32 in float32, and render without compiled kernels, which take minutes to make."""
    monkeypatch.setenv("FOUNDATION_STEREO_FUSION", "0")
    with full_float32():
        yield


def brought(batch: StereoBatch, device: torch.device) -> StereoBatch:
    names = ("left", "right", "disparity", "valid", "camera")
    return StereoBatch(**{name: getattr(batch, name).to(device) for name in names}, occluded=None)


def one_step(
    made: StereoNetwork, batch: StereoBatch, device: torch.device
) -> tuple[Tensor, dict[str, Tensor]]:
    """Return the loss and the gradients of a step in float32, on the CPU; nothing is clipped."""
    config = TrainingConfig(
        **SHAPE, batch=2, iterations=2, matching=0.5, correlation=0.3, clip=1e9, precision="fp32"
    )
    model = copy.deepcopy(made).to(device)
    descent = Descent(config, model, Precision("fp32", device), Group())
    descent.begin(1.0)
    before = {name: parameter.detach().clone() for name, parameter in model.named_parameters()}
    done = descent.step(brought(batch, device), 0, 7, 1e-3)
    gradients = {name: p.grad.cpu() for name, p in model.named_parameters() if p.grad is not None}
    for name, parameter in model.named_parameters():
        assert parameter.isfinite().all() and parameter.device.type == device.type
        if name in gradients and bool(gradients[name].any()):
            assert not torch.equal(parameter, before[name]), name
    return done.loss.cpu(), gradients


@pytest.mark.parametrize(("preset", "share"), [("lean", 2e-3), ("tiny", 3e-2)])
def test_gradients_of_a_step_are_those_of_the_cpu(
    preset: str, share: float, monkeypatch: pytest.MonkeyPatch
) -> None:
    """On the CPU, float32 and float64 differ by 2e-6 of all gradients for lean, and by 5e-3 for tiny."""
    monkeypatch.setattr(nn.Dropout, "forward", lambda layer, x: x)  # chance differs from device to device
    made = build_network(network_preset(preset))
    randomize(made)
    batch = LayeredGenerator(max_disparity=float(made.config.max_disp)).generate(3, 2, **SHAPE)
    loss, expected = one_step(made, batch, CPU)
    found_loss, found = one_step(made, batch, DEVICE)
    assert float(found_loss) == pytest.approx(float(loss), rel=1e-3)
    assert set(found) == set(expected) and len(expected) > 20
    whole = math.sqrt(sum(float(gradient.square().sum()) for gradient in expected.values()))
    apart = math.sqrt(sum(float((found[name] - g).square().sum()) for name, g in expected.items()))
    assert apart < share * whole
    for name, gradient in expected.items():
        bound = 5 * share * float(gradient.abs().max()) + 1e-4 * whole
        assert float((found[name] - gradient).abs().max()) < bound, name


def settings(**values: Any) -> TrainingConfig:
    changes = {**SMALL, **SHAPE, "preset": "lean", "validation_pairs": 1, **values}
    return TrainingConfig.from_dict(changes)


def run(config: TrainingConfig, folder: Path, resume: bool = False) -> Trainer:
    trainer = Trainer(config, folder, DEVICE, resume=resume)
    outcome = trainer.run(show_progress=False)
    assert outcome.finished and outcome.step == config.steps
    return trainer


def lines(folder: Path) -> list[dict[str, float]]:
    found = [json.loads(line) for line in (folder / "log.jsonl").read_text().splitlines()]
    assert all(math.isfinite(value) for line in found for value in line.values())
    return found


def check_files(trainer: Trainer, folder: Path) -> None:
    """Check that the exported weights are the averaged ones, usable on the CPU."""
    exported = load_checkpoint(folder / "weights.safetensors").state_dict()
    for name, value in trainer.averaged.state_dict().items():
        assert torch.equal(exported[name], value.cpu()), name


@pytest.mark.parametrize("workers", [0, 2])
def test_a_lean_run_on_painted_scenes_can_be_resumed(tmp_path: Path, workers: int) -> None:
    values = {"data": PAINTED, "workers": workers, "validate_every": 2, "batch": 2}
    run(settings(**values, steps=2), tmp_path)
    trainer = run(settings(**values, steps=4), tmp_path, resume=True)
    found = lines(tmp_path)
    assert [line["step"] for line in found if "train/loss" in line] == [1, 2, 3, 4]
    assert [line["step"] for line in found if "painted/epe" in line] == [2, 4]
    check_files(trainer, tmp_path)


def test_a_run_with_weights_channels_last_can_be_resumed(tmp_path: Path) -> None:
    values = {"data": PAINTED, "channels_last": True}
    run(settings(**values, steps=2), tmp_path)
    check_files(run(settings(**values, steps=3), tmp_path, resume=True), tmp_path)


def test_a_run_begun_on_the_cpu_goes_on_here_and_back_there(tmp_path: Path) -> None:
    for steps, device in ((1, CPU), (2, DEVICE), (3, CPU)):
        trainer = Trainer(settings(data=PAINTED, steps=steps), tmp_path, device, resume=steps > 1)
        assert trainer.run(show_progress=False).finished
        counts = [state["step"] for state in trainer._descent.optimizer.state.values()]
        assert {float(count) for count in counts} == {float(steps)}
    assert [line["step"] for line in lines(tmp_path)] == [1, 2, 3]


@pytest.mark.parametrize("preset", ["lean", "tiny"])
@pytest.mark.parametrize("precision", ["fp32", "bf16", pytest.param("fp16", marks=of_cuda_alone)])
def test_every_precision_trains_both_kinds(tmp_path: Path, preset: str, precision: str) -> None:
    values = {"preset": preset, "data": PAINTED, "precision": precision, "matching": 0.5, "correlation": 0.3}
    trainer = run(settings(**values, steps=3), tmp_path)
    assert {parameter.dtype for parameter in trainer.model.parameters()} == {torch.float32}
    assert len(lines(tmp_path)) == 3
    run(settings(**values, steps=4), tmp_path, resume=True)


@pytest.mark.parametrize("workers", [0, 2])
def test_ray_cast_and_painted_scenes_go_together(tmp_path: Path, workers: int) -> None:
    values = {
        "preset": "tiny",
        "data": RAY_CAST + PAINTED,
        "workers": workers,
        "batch": 2,
        "validate_every": 2,
    }
    run(settings(**values, steps=2), tmp_path)
    validated = lines(tmp_path)[-1]
    assert {"held_back/epe", "painted/epe"} <= set(validated)


def test_rendered_scenes_are_those_of_the_cpu() -> None:
    found, expected = (SceneGenerator(device=device).generate(11, 2, 64, 96) for device in (DEVICE, CPU))
    assert found.left.device.type == DEVICE.type
    near = (found.disparity.cpu() - expected.disparity).abs() < 0.01 * expected.disparity.clamp(min=1.0)
    assert float(near.float().mean()) > 0.99  # silhouettes may fall on one side or the other
    assert found.occluded is not None and expected.occluded is not None
    assert float((found.occluded.cpu() == expected.occluded).float().mean()) > 0.98


def test_a_compiled_run_trains(tmp_path: Path) -> None:
    torch._dynamo.reset()
    try:
        run(settings(data=PAINTED, compile=True, steps=2), tmp_path)
    except Exception as error:
        # A compiler may be missing, or not know this device; what it throws depends on where it stopped.
        if type(error).__module__.partition(".")[0] != "torch":
            raise
        pytest.skip(f"compiling does not work here: {str(error).splitlines()[0]}")
    assert len(lines(tmp_path)) == 2
