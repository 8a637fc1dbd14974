# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import dataclasses
import shutil
from pathlib import Path

import yaml

from foundation_stereo_ros.train.config import TrainingConfig, read_settings
from foundation_stereo_ros.train.run_files import STATE_NAME, read_about
from foundation_stereo_ros.train.trainer import Trainer


def test_the_recipe_names_settings_that_there_are(root: Path) -> None:
    values = yaml.safe_load((root / "config" / "train.yaml").read_text(encoding="utf-8"))
    config = TrainingConfig.from_dict(values)
    assert config.minutes == values["minutes"]
    assert config.scenes.tabletop == values["scenes"]["tabletop"]


def test_the_long_run_that_the_repository_keeps_goes_on(root: Path, tmp_path: Path) -> None:
    shutil.copy(root / "config" / "long_run" / STATE_NAME, tmp_path / STATE_NAME)
    before = read_about(tmp_path / STATE_NAME)["config"]
    values = {**before, **read_settings(root / "config" / "train_long.yaml")}
    assert TrainingConfig.from_dict(before).preset == values["preset"] == "lean"
    small = {"batch": 1, "height": 64, "width": 128, "validate_on": None, "validation_pairs": 0}
    config = TrainingConfig.from_dict({**values, **small})
    done = Trainer(config, tmp_path, "cpu", resume=True).progress.step
    assert done > 0
    one_more = dataclasses.replace(config, steps=done + 1)
    outcome = Trainer(one_more, tmp_path, "cpu", resume=True).run(show_progress=False)
    assert (outcome.step, outcome.finished) == (done + 1, True)
