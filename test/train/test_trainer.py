# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import json
import os
import shutil
import signal
from pathlib import Path
from typing import Any

import pytest
import torch
from dataset_trees import user_folder
from small_runs import SMALL

from foundation_stereo_ros.errors import CheckpointError, ConfigError
from foundation_stereo_ros.train.config import TrainingConfig
from foundation_stereo_ros.train.optimisation import learning_rate
from foundation_stereo_ros.train.run_files import STATE_NAME, compact_state, read_about
from foundation_stereo_ros.train.trainer import Trainer
from foundation_stereo_ros.weights import load_checkpoint


@pytest.fixture(scope="module")
def straight(tmp_path_factory: pytest.TempPathFactory) -> Trainer:
    trainer = Trainer(TrainingConfig(**SMALL), tmp_path_factory.mktemp("straight"), "cpu")
    assert trainer.run(show_progress=False).finished
    return trainer


def test_stopping_and_going_on_changes_nothing(straight: Trainer, tmp_path: Path) -> None:
    first = Trainer(TrainingConfig(**SMALL), tmp_path, "cpu")
    outcome = first.run(max_minutes=1e-6, show_progress=False)
    assert (outcome.step, outcome.finished, outcome.interrupted) == (0, False, False)
    for part in (2, 4):
        config = TrainingConfig(**{**SMALL, "steps": 4})
        trainer = Trainer(config, tmp_path, "cpu", resume=True)
        _run_until(trainer, part)
        assert trainer.progress.step == part
    for found, expected in ((trainer.model, straight.model), (trainer.averaged, straight.averaged)):
        values = found.state_dict()
        for name, value in expected.state_dict().items():
            torch.testing.assert_close(values[name], value, rtol=1e-4, atol=1e-5)


def _run_until(trainer: Trainer, step: int) -> None:
    """Interrupt the run, as Ctrl-C does, when it reaches a step."""
    inner = trainer._step

    def watched(*arguments: Any) -> None:
        inner(*arguments)
        if trainer.progress.step == step and step < trainer.config.steps:
            os.kill(os.getpid(), signal.SIGINT)

    trainer._step = watched  # type: ignore[method-assign]
    outcome = trainer.run(show_progress=False)
    assert outcome.interrupted == (step < trainer.config.steps)


def test_a_compact_state_goes_on_from_the_averaged_weights(straight: Trainer, tmp_path: Path) -> None:
    pairs = tmp_path / "pairs"
    user_folder(pairs)
    there = TrainingConfig.from_dict({**SMALL, "validate_on": {"dataset": "folder", "root": str(pairs)}})
    copied = Path(shutil.copytree(straight.folder, tmp_path / "there"))
    Trainer(there, copied, "cpu", resume=True).run(show_progress=False)
    assert str(pairs).encode() in (copied / STATE_NAME).read_bytes()
    progress = compact_state(copied / STATE_NAME, tmp_path / STATE_NAME)
    assert str(pairs).encode() not in (tmp_path / STATE_NAME).read_bytes()
    assert progress.step == 4
    sizes = [(folder / STATE_NAME).stat().st_size for folder in (tmp_path, straight.folder)]
    assert sizes[0] < 0.35 * sizes[1]
    config = TrainingConfig(**{**SMALL, "steps": 6})
    later = Trainer(config, tmp_path, "cpu", resume=True)
    assert later.progress.step == 4
    for found in (later.model, later.averaged):
        for name, value in straight.averaged.state_dict().items():
            torch.testing.assert_close(found.state_dict()[name], value)
    assert later.run(show_progress=False).finished


def test_the_state_of_an_earlier_version_goes_on(root: Path, tmp_path: Path) -> None:
    shutil.copy(root / "config" / "long_run" / STATE_NAME, tmp_path / STATE_NAME)
    config = read_about(tmp_path / STATE_NAME)["config"]
    small = {"height": 64, "width": 96, "batch": 1, "compile": False, "steps": 8291, "validate_every": 0}
    config = TrainingConfig.from_dict({**config, **small})
    trainer = Trainer(config, tmp_path, "cpu", resume=True)
    assert trainer.progress.step == 8290
    assert trainer.run(show_progress=False).finished
    assert read_about(tmp_path / STATE_NAME)["notes"] == {"preset": "lean"}


def test_exported_weights_are_the_averaged_ones_and_load(straight: Trainer) -> None:
    exported = load_checkpoint(straight.folder / "weights.safetensors").state_dict()
    for name, value in straight.averaged.state_dict().items():
        torch.testing.assert_close(exported[name], value)
    moved = [
        float((a - b).detach().abs().max())
        for a, b in zip(straight.model.parameters(), straight.averaged.parameters(), strict=True)
    ]
    assert max(moved) > 0.0


def test_the_log_has_every_step(straight: Trainer) -> None:
    lines = [json.loads(line) for line in (straight.folder / "log.jsonl").read_text().splitlines()]
    assert [line["step"] for line in lines] == [1, 2, 3, 4]
    assert all(line["train/loss"] > 0 for line in lines)


def test_validation_reports_all_and_visible_pixels(straight: Trainer) -> None:
    found = straight.validate()
    assert {f"held_back/{name}" for name in ("epe", "bp2", "d1", "noc_epe", "noc_bp2")} <= set(found)
    assert found["held_back/epe"] > 0.0
    assert found == straight.validate()


def test_foreign_and_damaged_states_are_refused(straight: Trainer, tmp_path: Path) -> None:
    with pytest.raises(CheckpointError, match="no training state"):
        Trainer(TrainingConfig(**SMALL), tmp_path, "cpu", resume=True)
    content = (straight.folder / STATE_NAME).read_bytes()
    (tmp_path / STATE_NAME).write_bytes(content[: len(content) // 2])
    with pytest.raises(CheckpointError, match="damaged"):
        Trainer(TrainingConfig(**SMALL), tmp_path, "cpu", resume=True)
    (tmp_path / STATE_NAME).write_bytes((straight.folder / "weights.safetensors").read_bytes())
    with pytest.raises(CheckpointError, match="says format"):
        Trainer(TrainingConfig(**SMALL), tmp_path, "cpu", resume=True)
    (tmp_path / STATE_NAME).write_bytes(content)
    with pytest.raises(CheckpointError, match="does not fit"):
        Trainer(TrainingConfig(**SMALL, network={"hidden_dim": 64}), tmp_path, "cpu", resume=True)


def test_settings_survive_plain_values_and_wrong_ones_are_refused() -> None:
    config = TrainingConfig.from_dict({"batch": 3, "scenes": {"room": 1.0}, "augmentation": {"shift": 0.2}})
    assert TrainingConfig.from_dict(json.loads(json.dumps(config.to_dict()))) == config
    for wrong in ({"width": 65}, {"ema": 1.0}, {"nonsense": 1}, {"scenes": {"nonsense": 1}}, {"scenes": 3}):
        with pytest.raises(ConfigError, match="expected"):
            TrainingConfig.from_dict(wrong)


def test_learning_rate_rises_then_falls() -> None:
    cosine = TrainingConfig(learning_rate=1.0, warmup=0.1)
    assert learning_rate(cosine, 0.05) == pytest.approx(0.5)
    assert learning_rate(cosine, 0.1) == pytest.approx(1.0)
    assert learning_rate(cosine, 1.0) == pytest.approx(0.01)
    flat = TrainingConfig(learning_rate=1.0, schedule="flat", warmup=0.1)
    rates = [learning_rate(flat, share) for share in (0.05, 0.1, 0.79, 0.9, 1.0)]
    assert rates == pytest.approx([0.5, 1.0, 1.0, 0.505, 0.01])
    step = TrainingConfig(learning_rate=1.0, schedule="step", warmup=0.0)
    assert [learning_rate(step, share) for share in (0.0, 0.79, 0.8)] == pytest.approx([1.0, 1.0, 0.1])
