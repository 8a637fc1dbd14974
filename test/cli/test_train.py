# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

from pathlib import Path

import pytest

from foundation_stereo_ros.cli.main import main
from foundation_stereo_ros.network import load_checkpoint

SETTINGS = "{batch: 1, height: 32, width: 64, iterations: 1, log_every: 1, validation_pairs: 0}"


def test_train_stops_in_time_goes_on_and_exports(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    settings = tmp_path / "train.yaml"
    settings.write_text(SETTINGS)
    run = ["train", "--out", str(tmp_path / "run"), "--device", "cpu", "--quiet"]
    assert main([*run, "--config", str(settings), "--steps", "2", "--max-minutes", "0.000001"]) == 0
    assert "out of time after 0 steps" in capsys.readouterr().out
    assert main([*run, "--resume"]) == 0
    assert "complete after 2 steps" in capsys.readouterr().out
    assert load_checkpoint(tmp_path / "run" / "weights.safetensors").config.monocular is None


@pytest.mark.parametrize(
    ("words", "complaint"),
    [
        (["--steps", "0"], "steps is 0"),
        (["--config", "missing.yaml"], "cannot read missing.yaml"),
        (["--preset", "large"], "monocular"),
        (["--resume"], "no training state"),
    ],
)
def test_mistakes_give_one_line(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], words: list[str], complaint: str
) -> None:
    assert main(["train", "--out", str(tmp_path), "--device", "cpu", "--quiet", *words]) == 1
    said = capsys.readouterr().err
    assert said.startswith("error: ")
    assert complaint in said
    assert said.count("\n") == 1
