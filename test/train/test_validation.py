# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from dataset_trees import user_folder, write_mask, write_pair, write_pfm
from small_runs import SMALL
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

from foundation_stereo_ros.cli.main import main
from foundation_stereo_ros.errors import ConfigError, FileFormatError
from foundation_stereo_ros.nets.stereo import FoundationStereo, NetworkConfig
from foundation_stereo_ros.train.config import TrainingConfig
from foundation_stereo_ros.train.data_config import DatasetChoice
from foundation_stereo_ros.train.run_files import BEST_NAME, WEIGHTS_NAME
from foundation_stereo_ros.train.trainer import Trainer
from foundation_stereo_ros.train.validation import RealPairs
from foundation_stereo_ros.weights import load_checkpoint, save_checkpoint
from foundation_stereo_ros.weights.checkpoint import read_checkpoint


@pytest.fixture(scope="module")
def root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("real")
    user_folder(folder, ("one", "two", "three"))
    return folder


@pytest.fixture(scope="module")
def start(tmp_path_factory: pytest.TempPathFactory) -> Path:
    torch.manual_seed(2)
    file = tmp_path_factory.mktemp("start") / "start.safetensors"
    save_checkpoint(file, FoundationStereo(NetworkConfig.preset("tiny")))
    return file


@pytest.fixture(scope="module")
def run(root: Path, start: Path, tmp_path_factory: pytest.TempPathFactory) -> Trainer:
    """A run of two steps that validates before the first and after each one."""
    validate_on = {"dataset": "folder", "root": str(root), "limit": 2}
    changes: dict[str, Any] = {"steps": 2, "validate_every": 1, "picture_every": 1, "start_from": str(start)}
    config = TrainingConfig.from_dict(
        {**SMALL, **changes, "validate_on": validate_on, "keep_best": "real/epe"}
    )
    trainer = Trainer(config, tmp_path_factory.mktemp("run"), "cpu")
    trainer.run(show_progress=False)
    return trainer


def _lines(run: Trainer) -> list[dict[str, float]]:
    lines = [json.loads(line) for line in (run.folder / "log.jsonl").read_text().splitlines()]
    return [line for line in lines if "real/epe" in line]


def test_figures_on_real_pairs_are_those_of_the_command_evaluate(
    run: Trainer, root: Path, tmp_path: Path
) -> None:
    words = f"evaluate --dataset folder --root {root} --limit 2 --device cpu --precision fp32".split()
    words += ["--checkpoint", str(run.folder / WEIGHTS_NAME), "--json", str(tmp_path / "found.json")]
    assert main(words) == 0
    means = json.loads((tmp_path / "found.json").read_text())["means"]["network"]["images"]
    found = run.validate()
    for region, prefix in (("all", ""), ("noc", "noc_")):
        for name, value in means[region].items():
            assert found[f"real/{prefix}{name}"] == pytest.approx(value, rel=1e-3), (region, name)


def test_the_journal_has_them_beside_the_held_back_scenes_from_the_start_on(
    run: Trainer, start: Path
) -> None:
    lines = _lines(run)
    assert [line["step"] for line in lines] == [0, 1, 2]
    assert {"held_back/epe", "held_back/noc_bp2", "real/bp1", "real/bp3", "real/noc_epe"} <= set(lines[0])
    fresh = Trainer(run.config, run.folder / "fresh", "cpu")
    assert lines[0]["real/epe"] == pytest.approx(fresh.validate()["real/epe"], rel=1e-5)


def test_the_best_weights_are_kept(run: Trainer) -> None:
    lines = _lines(run)
    best = min(lines, key=lambda line: line["real/epe"])
    said = read_checkpoint(run.folder / BEST_NAME).metadata
    assert said["steps"] == str(best["step"])
    assert float(said["real/epe"]) == pytest.approx(best["real/epe"], rel=1e-5)
    assert run.progress.best == pytest.approx(best["real/epe"], rel=1e-5)
    load_checkpoint(run.folder / BEST_NAME)


def test_tensorboard_has_scalars_and_pictures_of_every_kind(run: Trainer) -> None:
    events = EventAccumulator(str(run.folder / "tensorboard"), size_guidance={"images": 0})
    events.Reload()
    assert {"train/loss", "held_back/epe", "real/epe"} <= set(events.Tags()["scalars"])
    pictures = events.Tags()["images"]
    assert set(pictures) == {"train", "held_back/0", "held_back/1", "real/one", "real/three"}
    assert [event.step for event in events.Images("real/one")] == [0, 1, 2]
    shown = events.Images("held_back/0")[0]
    assert (shown.height, shown.width) == (64, 192)


def test_a_figure_that_nobody_measures_cannot_decide(root: Path, start: Path, tmp_path: Path) -> None:
    changes = {"steps": 1, "validate_every": 1, "keep_best": "held_back/size"}
    trainer = Trainer(TrainingConfig(**{**SMALL, **changes}), tmp_path, "cpu")
    with pytest.raises(ConfigError, match=r"keep_best is 'held_back/size'; expected one of held_back/epe"):
        trainer.run(show_progress=False)
    assert load_checkpoint(tmp_path / WEIGHTS_NAME)  # what had been done was saved


@pytest.mark.parametrize("wrong", ["real/epe", "epe", "train/loss"])
def test_a_kind_that_nobody_measures_is_refused(wrong: str) -> None:
    with pytest.raises(ConfigError, match=rf"keep_best is '{wrong}'; expected none, or held_back/"):
        TrainingConfig(keep_best=wrong)


def test_averages_are_of_images_and_only_known_pixels_count(tmp_path: Path) -> None:
    for name, value in (("a", 3.0), ("b", 9.0)):
        size = (33, 50)
        write_pair(tmp_path / "left" / f"{name}.png", tmp_path / "right" / f"{name}.png", size)
        truth = np.full(size, value, np.float32)
        truth[:, :20] = np.nan
        write_pfm(tmp_path / "disparity" / f"{name}.pfm", truth)
        if name == "b":  # all images count for the one, those with a mask for the other
            write_mask(
                tmp_path / "mask" / "b.png", np.isfinite(truth) & (np.arange(50) > 30), np.isfinite(truth)
            )
    pairs = RealPairs(DatasetChoice("folder", root=str(tmp_path)))
    seen = []

    def estimate(left: torch.Tensor, right: torch.Tensor) -> torch.Tensor:
        seen.append(tuple(left.shape))
        return torch.full((1, 1, *left.shape[-2:]), 5.0)

    found = pairs.measure(estimate, torch.device("cpu"))
    assert seen == [(1, 3, 64, 64)] * 2
    assert found["epe"] == 3.0
    assert found["bp1"] == 100.0
    assert found["bp3"] == 50.0
    assert found["noc_epe"] == 4.0


def test_what_cannot_be_validated_on_is_found_out_at_once(tmp_path: Path, start: Path) -> None:
    choice = {"dataset": "folder", "root": str(tmp_path / "missing")}
    config = TrainingConfig.from_dict({**SMALL, "validate_on": choice})
    with pytest.raises(FileFormatError, match="is not a folder"):
        Trainer(config, tmp_path, "cpu")
