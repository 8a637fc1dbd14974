# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from foundation_stereo_ros.cli.main import main
from foundation_stereo_ros.nets.stereo import FoundationStereo, NetworkConfig
from foundation_stereo_ros.train.curation.keep_list import Score, read_keep_list
from foundation_stereo_ros.train.curation.summary import summary
from foundation_stereo_ros.weights import save_checkpoint

ROOT = Path(__file__).parents[2]
SETTINGS = "{height: 32, width: 64, iterations: 1, seed: 6, scenes: {clutter: 0.1, flaws: 0.0}}"


@pytest.fixture(scope="module")
def weights(tmp_path_factory: pytest.TempPathFactory) -> Path:
    torch.manual_seed(3)
    path = tmp_path_factory.mktemp("weights") / "untrained.safetensors"
    save_checkpoint(path, FoundationStereo(NetworkConfig.preset("tiny", max_disp=64)), {})
    return path


@pytest.fixture
def command(tmp_path: Path, weights: Path) -> list[str]:
    settings = tmp_path / "train.yaml"
    settings.write_text(SETTINGS)
    words = ["curate", "--checkpoint", str(weights), "--config", str(settings), "--device", "cpu", "--quiet"]
    return [*words, "-o", str(tmp_path / "keep.jsonl")]


def test_a_list_is_made_told_shown_and_gone_on_with(
    command: list[str], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    strict = [*command, "--workers", "0", "--threshold", "0"]
    assert main([*strict, "--seeds", "2"]) == 0
    assert main([*strict, "--seeds", "3", "--pictures", "2"]) == 0
    said = capsys.readouterr().out
    found = read_keep_list(tmp_path / "keep.jsonl")
    assert found.recipe is not None
    assert (found.recipe.seeds, found.recipe.height, found.recipe.width) == ("run 6", 32, 64)
    assert [score.kept for score in found.scores] == [False] * 3
    assert "0 of 3 scenes kept; 3 dropped (100.0 %)" in said
    assert f"foundation_stereo train --keep {tmp_path / 'keep.jsonl'}" in said
    sheet = np.asarray(Image.open(tmp_path / "keep.png"))
    height = 160 + 44  # a pair of 32 x 64 as 160 x 320 below its two lines
    assert sheet.shape == (2 * height, 4 * 320, 3)
    assert all(sheet[44:height, 320 * n : 320 * (n + 1)].std() > 1 for n in range(4))


def test_with_reuse_the_scenes_are_those_that_crops_are_taken_of(command: list[str], tmp_path: Path) -> None:
    (tmp_path / "train.yaml").write_text(SETTINGS[:-1] + ", reuse: 2}")
    assert main([*command, "--workers", "0", "--seeds", "1", "--first-seed", "40"]) == 0
    found = read_keep_list(tmp_path / "keep.jsonl")
    assert found.recipe is not None
    assert (found.recipe.height, found.recipe.width) == (32, 96)
    assert [score.seed for score in found.scores] == [40]


def test_a_network_that_is_not_able_is_an_error(
    command: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    words = ["--workers", "0", "--threshold", "0", "--seeds", "1", "--regenerate"]
    assert main([*command, *words]) == 1
    said = capsys.readouterr().err
    assert "solves only 0 of 10 scenes, --seeds is 1; expected a network that is better trained" in said


@pytest.mark.parametrize(
    ("words", "complaint"),
    [
        (["--checkpoint", "missing.safetensors"], "no weights file at missing.safetensors"),
        (["--config", "missing.yaml"], "cannot read missing.yaml"),
        (["--first-seed", str((1 << 40) - 2), "--seeds", "3"], "which is for validation"),
        (["-o", "/proc/keep.jsonl"], "cannot write /proc/keep.jsonl"),
    ],
)
def test_mistakes_give_one_line(
    command: list[str], words: list[str], complaint: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main([*command, "--workers", "0", *words]) == 1
    said = capsys.readouterr().err
    assert said.startswith("error: ")
    assert complaint in said
    assert said.count("\n") == 1


def test_another_threshold_wants_another_file(command: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    once = [*command, "--workers", "0", "--seeds", "1"]
    assert main(once) == 0
    assert main([*once, "--threshold", "50"]) == 1
    assert "its threshold is 60.0, not 50.0; expected another file" in capsys.readouterr().err


@pytest.mark.parametrize(
    "words",
    [["--threshold", "101"], ["--threshold", "nan"], ["--seeds", "0"], ["--workers", "-1"],
     ["--run-seed", "1", "--first-seed", "1"]],
)  # fmt: skip
def test_values_out_of_range_are_wrong_usage(
    command: list[str], words: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    assert main([*command, *words]) == 2
    assert "foundation_stereo curate --help lists the options" in capsys.readouterr().err


@pytest.mark.parametrize("sent", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_leaves_whole_lines_and_no_processes_behind(
    command: list[str], tmp_path: Path, sent: signal.Signals
) -> None:
    path = tmp_path / "keep.jsonl"
    running = subprocess.Popen(
        [sys.executable, "-m", "foundation_stereo_ros.cli.main", *command, "--workers", "2"],
        cwd=ROOT,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )
    try:
        while running.poll() is None and not (path.exists() and path.read_bytes().count(b"\n") > 2):
            time.sleep(0.05)
        os.killpg(running.pid, sent)  # to all processes, as a terminal does it
        out, err = running.communicate()  # ends when the last process has closed it
    finally:
        running.kill()
    assert running.returncode == 130, err
    assert "interrupted; run the same command again to continue" in out
    assert "Traceback" not in err
    assert path.read_bytes().endswith(b"}\n")
    done = len(read_keep_list(path).scores)
    assert 2 <= done < 1000
    assert main([*command, "--workers", "0", "--seeds", str(done + 1)]) == 0
    assert len(read_keep_list(path).scores) == done + 1


@pytest.mark.parametrize("reuse", [1, 2])
def test_a_run_trains_on_what_is_kept(
    command: list[str], tmp_path: Path, reuse: int, capsys: pytest.CaptureFixture[str]
) -> None:
    train = tmp_path / "train.yaml"
    train.write_text(SETTINGS[:-1] + f", batch: 1, validation_pairs: 0, steps: 2, reuse: {reuse}}}")
    assert main([*command, "--workers", "0", "--seeds", "2", "--threshold", "100"]) == 0
    keep = str(tmp_path / "keep.jsonl")
    run = ["train", "--device", "cpu", "--quiet", "--config", str(train), "--keep", keep]
    assert main([*run, "-o", str(tmp_path / "run")]) == 0
    assert "complete after 2 steps" in capsys.readouterr().out
    assert main([*run, "-o", str(tmp_path / "other"), "--height", "64"]) == 1
    assert "keep.jsonl was made for other scenes: its height is 32, not " in capsys.readouterr().err


def test_the_summary_counts_each_kind() -> None:
    kinds = [(10.0, True, ("fog",)), (20.0, True, ()), (90.0, False, ("fog", "bare")), (None, False, ())]
    scores = [
        Score(n, bp2, bp2 and 1.5, kept, "room" if n % 2 else "stack", traits)
        for n, (bp2, kept, traits) in enumerate(kinds)
    ]
    lines = summary(scores, 60.0).splitlines()
    counted = {words[0]: words[1:4] for words in (line.split() for line in lines) if len(words) > 5}
    assert lines[0] == "2 of 4 scenes kept; 2 dropped (50.0 %): BP-2 above 60 %, or no valid pixel"
    assert lines[1] == "BP-2: median 20.0 %, 10 % of scenes below 12.0 %, 10 % above 76.0 %"
    assert counted["room"] == counted["stack"] == ["2", "1", "50.0"]
    assert counted["fog"] == ["2", "1", "50.0"]
    assert counted["bare"] == ["1", "1", "100.0"]
    assert lines[-2:] == [
        "seed 2: BP-2  90.0 %, EPE 1.50 px; stack, fog, bare",
        "seed 3: no valid pixels; room",
    ]
    assert summary([], 60.0) == "nothing scored"
