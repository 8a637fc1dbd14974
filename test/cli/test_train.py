# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

from pathlib import Path

import pytest
import torch
from dataset_trees import user_folder

from foundation_stereo_ros.cli.main import main
from foundation_stereo_ros.nets.stereo import FoundationStereo, NetworkConfig
from foundation_stereo_ros.weights import load_checkpoint, save_checkpoint
from foundation_stereo_ros.weights.checkpoint import read_checkpoint

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


def test_own_pairs_fine_tune_a_checkpoint_in_one_command(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    torch.manual_seed(0)
    save_checkpoint(tmp_path / "a.safetensors", FoundationStereo(NetworkConfig.preset("tiny")))
    user_folder(tmp_path / "mine")
    (tmp_path / "train.yaml").write_text(SETTINGS)
    words = [
        "--from",
        str(tmp_path / "a.safetensors"),
        "--dataset",
        "folder",
        "--root",
        str(tmp_path / "mine"),
    ]
    words += ["-o", str(tmp_path / "run"), "--config", str(tmp_path / "train.yaml"), "--steps", "2"]
    assert main(["train", *words, "--device", "cpu", "--quiet"]) == 0
    assert "complete after 2 steps" in capsys.readouterr().out
    said = read_checkpoint(tmp_path / "run" / "weights.safetensors").metadata
    assert said["trained_on"] == "folder (mine)"
    assert said["started_from"] == "a.safetensors"


@pytest.mark.parametrize(
    ("words", "complaint"),
    [
        (["--steps", "0"], "steps is 0"),
        (["--config", "missing.yaml"], "cannot read missing.yaml"),
        (["--preset", "large"], "monocular"),
        (["--resume"], "no training state"),
        (["--from", "missing.safetensors"], "no weights file at missing.safetensors"),
        (["--dataset", "folder"], "--dataset is folder, --root None; expected both"),
        (["--validate-root", "x"], "--validate-dataset is None, --validate-root x; expected both"),
        (["--dataset", "folder", "--root", "missing"], "missing is not a folder"),
        (["--precision", "fp16"], "precision is 'fp16' on cpu; expected fp32 or bf16"),
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
