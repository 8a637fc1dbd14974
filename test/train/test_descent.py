# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import json
import math
from pathlib import Path

import pytest
import torch
from dataset_trees import user_folder
from small_runs import SMALL

from foundation_stereo_ros.errors import ConfigError
from foundation_stereo_ros.train.config import TrainingConfig
from foundation_stereo_ros.train.optimisation import Precision
from foundation_stereo_ros.train.trainer import Trainer

CPU = torch.device("cpu")


@pytest.mark.parametrize(("wanted", "found"), [("auto", "fp32"), ("fp32", "fp32"), ("bf16", "bf16")])
def test_a_cpu_computes_in_what_it_can(wanted: str, found: str) -> None:
    precision = Precision(wanted, CPU)
    assert precision.name == found
    with precision.autocast():
        product = torch.ones(2, 2) @ torch.ones(2, 2)
    assert product.dtype == (torch.bfloat16 if found == "bf16" else torch.float32)
    assert not precision.scaler(1.0).is_enabled()


def test_fp16_on_a_cpu_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"precision is 'fp16' on cpu; expected fp32 or bf16"):
        Trainer(TrainingConfig(**SMALL, precision="fp16"), tmp_path, "cpu")


def test_bf16_trains_and_validates_on_a_cpu(tmp_path: Path) -> None:
    user_folder(tmp_path / "real", ("one",))
    validate_on = {"dataset": "folder", "root": str(tmp_path / "real")}
    shape = {"height": 96, "width": 64, "validation_pairs": 1}
    values = {
        **SMALL,
        **shape,
        "steps": 2,
        "precision": "bf16",
        "validate_every": 2,
        "validate_on": validate_on,
    }
    trainer = Trainer(TrainingConfig.from_dict(values), tmp_path / "run", "cpu")
    before = {name: value.clone() for name, value in trainer.model.named_parameters()}
    assert trainer.run(show_progress=False).finished
    lines = [json.loads(line) for line in (tmp_path / "run" / "log.jsonl").read_text().splitlines()]
    assert [line["step"] for line in lines] == [1, 2, 2]
    assert all(math.isfinite(value) for line in lines for value in line.values())
    assert {"held_back/epe", "real/noc_epe"} <= set(lines[2])
    parameters = dict(trainer.model.named_parameters())
    assert all(value.dtype == torch.float32 for value in parameters.values())
    still = [name for name, value in parameters.items() if torch.equal(value, before[name])]
    assert len(still) < len(parameters) / 10


def test_pictures_whose_gradients_are_wrong_in_bf16_are_refused(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"height is 32 in bf16 on cpu; expected 96 or more"):
        Trainer(TrainingConfig(**SMALL, precision="bf16"), tmp_path, "cpu")
    Precision("bf16", CPU).check_height(96)
    Precision("fp32", CPU).check_height(32)


@pytest.mark.parametrize("rows", [1, 3, 4, 6])
def test_in_bf16_volumes_of_other_heights_have_the_gradients_of_fp32(rows: int) -> None:
    torch.manual_seed(0)
    convolution, volume = torch.nn.Conv3d(8, 8, 3, padding=1), torch.randn(1, 8, rows, 4, 4)
    gradients = []
    for kind in (torch.float32, torch.bfloat16):
        convolution.zero_grad()
        with torch.autocast("cpu", dtype=kind, enabled=kind == torch.bfloat16):
            found = convolution(volume)
        (found.float() ** 2).sum().backward()
        assert convolution.weight.grad is not None
        gradients.append(convolution.weight.grad.clone())
    scale = float(gradients[0].abs().max())
    torch.testing.assert_close(gradients[1], gradients[0], rtol=0.0, atol=0.03 * scale)
