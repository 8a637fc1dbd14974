# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

from pathlib import Path

import yaml

from foundation_stereo_ros.train.config import TrainingConfig


def test_the_recipe_names_settings_that_there_are(root: Path) -> None:
    values = yaml.safe_load((root / "config" / "train.yaml").read_text(encoding="utf-8"))
    config = TrainingConfig.from_dict(values)
    assert config.minutes == values["minutes"]
    assert config.scenes.tabletop == values["scenes"]["tabletop"]
