# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors import safe_open
from seeded_network import official_shapes
from small_runs import SMALL

from foundation_stereo_ros.errors import CheckpointError, ConfigError
from foundation_stereo_ros.nets.stereo import FoundationStereo, NetworkConfig
from foundation_stereo_ros.train.config import FINE_TUNING, TrainingConfig
from foundation_stereo_ros.train.run_files import STATE_NAME, WEIGHTS_NAME
from foundation_stereo_ros.train.start import NVIDIA_LICENCE, start
from foundation_stereo_ros.train.trainer import Trainer
from foundation_stereo_ros.weights import load_checkpoint, save_checkpoint
from foundation_stereo_ros.weights.checkpoint import read_checkpoint

MONOCULAR = "features.monocular."


@pytest.fixture(scope="module")
def tiny(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A checkpoint of the small network, with notes."""
    torch.manual_seed(5)
    file = tmp_path_factory.mktemp("tiny") / "tiny.safetensors"
    save_checkpoint(
        file, FoundationStereo(NetworkConfig.preset("tiny")), {"trained_on": "tea", "preset": "tiny"}
    )
    return file


@pytest.fixture(scope="module")
def with_monocular(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A checkpoint of the small network beside the smallest monocular branch."""
    torch.manual_seed(6)
    file = tmp_path_factory.mktemp("monocular") / "vits.safetensors"
    model = FoundationStereo(NetworkConfig.preset("tiny", monocular="vits"))
    assert model.features.monocular is not None
    for value in model.features.monocular.parameters():  # the branch is never built to be trained
        torch.nn.init.normal_(value, std=0.02)
    save_checkpoint(file, model)
    return file


@pytest.fixture(scope="module")
def tuned(with_monocular: Path, tmp_path_factory: pytest.TempPathFactory) -> Trainer:
    config = TrainingConfig.from_dict({**SMALL, "steps": 2, "start_from": str(with_monocular)})
    trainer = Trainer(config, tmp_path_factory.mktemp("tuned"), "cpu")
    assert trainer.run(show_progress=False).finished
    return trainer


def test_a_run_begins_with_the_weights_of_the_checkpoint(tiny: Path) -> None:
    begun = start(TrainingConfig(start_from=str(tiny)))
    found = begun.model.state_dict()
    for name, value in load_checkpoint(tiny).state_dict().items():
        assert torch.equal(found[name], value), name
    assert begun.notes == {"started_from": "tiny.safetensors", "trained_on": "tea", "preset": "tiny"}


def test_the_checkpoint_decides_on_the_network_and_a_preset_must_agree(tiny: Path) -> None:
    assert start(TrainingConfig(start_from=str(tiny), preset="tiny")).model.config.monocular is None
    with pytest.raises(
        ConfigError, match=r"preset is 'small', whose monocular is 'vits'.* is None; expected"
    ):
        start(TrainingConfig(start_from=str(tiny), preset="small"))
    wider = TrainingConfig(start_from=str(tiny), network={"max_disp": 64})
    assert start(wider).model.config.max_disp == 64
    with pytest.raises(CheckpointError, match="misshapen"):
        start(TrainingConfig(start_from=str(tiny), network={"hidden_dim": 64}))
    with pytest.raises(CheckpointError, match="no weights file at"):
        start(TrainingConfig(start_from="missing.safetensors"))


def test_the_monocular_branch_stays_as_it_was_and_everything_else_moves(
    tuned: Trainer, with_monocular: Path
) -> None:
    before, after = load_checkpoint(with_monocular).state_dict(), tuned.model.state_dict()
    exported = load_checkpoint(tuned.folder / WEIGHTS_NAME).state_dict()
    for name, value in before.items():
        if name.startswith(MONOCULAR):
            assert torch.equal(after[name], value), name
            assert torch.equal(exported[name], value), name
    moved = [name for name, p in tuned.model.named_parameters() if not torch.equal(p, before[name])]
    assert {name.split(".")[0] for name in moved} >= {"features", "hourglass", "context", "update_block"}
    tuned.model.train()
    branch = tuned.model.features.monocular
    assert branch is not None and not any(module.training for module in branch.modules())


def test_the_monocular_branch_is_kept_once(tuned: Trainer) -> None:
    assert tuned.averaged.features.monocular is tuned.model.features.monocular
    with safe_open(tuned.folder / STATE_NAME, framework="pt") as state:
        frozen = [name for name in state.keys() if MONOCULAR in name]  # noqa: SIM118
    assert frozen and all(name.startswith("model.") for name in frozen)


def test_a_fine_tuned_run_goes_on_without_what_it_started_from(
    tuned: Trainer, with_monocular: Path, tmp_path: Path
) -> None:
    values = {**tuned.config.to_dict(), "start_from": "gone.safetensors"}
    (tmp_path / STATE_NAME).write_bytes((tuned.folder / STATE_NAME).read_bytes())
    again = Trainer(TrainingConfig.from_dict(values), tmp_path, "cpu", resume=True)
    assert again.progress.step == 2
    assert again.notes == tuned.notes
    found = again.averaged.state_dict()
    for name, value in tuned.averaged.state_dict().items():
        assert torch.equal(found[name], value), name


def test_frozen_norms_keep_their_statistics_and_others_do_not(tiny: Path, tmp_path: Path) -> None:
    before = load_checkpoint(tiny).state_dict()
    for norms, kept in (("frozen", True), ("batch", False)):
        values = {**SMALL, "steps": 1, "start_from": str(tiny), "norms": norms}
        trainer = Trainer(TrainingConfig.from_dict(values), tmp_path / norms, "cpu")
        trainer.run(show_progress=False)
        names = [name for name in before if name.endswith("running_mean")]
        after = trainer.model.state_dict()
        assert {torch.equal(after[name], before[name]) for name in names} == {kept}


def test_fine_tuning_has_defaults_of_its_own(tiny: Path) -> None:
    config = TrainingConfig.from_dict({"start_from": str(tiny)})
    assert {name: getattr(config, name) for name in FINE_TUNING} == dict(FINE_TUNING)
    assert TrainingConfig.from_dict({"start_from": str(tiny), "norms": "batch"}).norms == "batch"
    assert TrainingConfig.from_dict({}).norms == "batch"


def test_the_exported_file_says_what_it_was_trained_from(tuned: Trainer, tiny: Path, tmp_path: Path) -> None:
    said = read_checkpoint(tuned.folder / WEIGHTS_NAME).metadata
    assert said["started_from"] == "vits.safetensors"
    assert said["licence"] == NVIDIA_LICENCE
    ours = Trainer(TrainingConfig(**SMALL, start_from=str(tiny)), tmp_path, "cpu")
    ours.save()
    said = read_checkpoint(tmp_path / WEIGHTS_NAME).metadata
    assert said["trained_on"] == "tea, then ray-cast scenes"
    assert "licence" not in said


def test_official_weights_can_be_fine_tuned(tmp_path: Path) -> None:
    shapes = official_shapes(FoundationStereo(NetworkConfig.preset("small")))
    weights = {name: torch.zeros(shape) for name, shape in shapes.items()}
    weights["proj_cmb.bias"] += 3.0
    torch.save({"model": weights}, tmp_path / "model_best_bp2.pth")
    (tmp_path / "cfg.yaml").write_text("{vit_size: vits, max_disp: 416, valid_iters: 32}")
    values: dict[str, Any] = {"start_from": str(tmp_path / "model_best_bp2.pth"), "network": {"max_disp": 64}}
    begun = start(TrainingConfig.from_dict(values))
    assert torch.equal(begun.model.projection.bias, weights["proj_cmb.bias"])
    assert begun.notes == {"started_from": "model_best_bp2.pth", "licence": NVIDIA_LICENCE}
