# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

from pathlib import Path

import pytest
import yaml

from foundation_stereo_ros.errors import ConfigError
from foundation_stereo_ros.training.training_config import TrainingConfig


@pytest.mark.parametrize("name", ["train.yaml", "finish.yaml"])
def test_the_recipes_name_settings_that_there_are(name: str, root: Path) -> None:
    values = yaml.safe_load((root / "config" / name).read_text(encoding="utf-8"))
    config = TrainingConfig.from_dict(values)
    assert config.minutes == values["minutes"]
    assert config.scenes.tabletop == values["scenes"]["tabletop"]


def test_another_loss_is_refused() -> None:
    with pytest.raises(ConfigError, match="training loss is 'l2'; expected one of l1, log"):
        TrainingConfig(loss="l2")


def test_a_negative_weight_is_refused() -> None:
    with pytest.raises(ConfigError, match=r"training initial is -1\.0; expected 0 or more"):
        TrainingConfig(initial=-1.0)
