# SPDX-License-Identifier: Apache-2.0
"""The script for machines with a GPU, tried on the CPU."""

from __future__ import annotations

import importlib
import json
import os
import signal
import subprocess
import sys
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

SMALL = ("--sizes", "64x96", "--precisions", "fp32", "--forms", "eager", "--repeats", "2")


@pytest.fixture
def gpu(root: Path, monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    monkeypatch.syspath_prepend(root / "benchmarks")
    return importlib.import_module("gpu")


@pytest.fixture
def training(gpu: ModuleType) -> ModuleType:
    return importlib.import_module("gpu_pieces.train")


def call(root: Path, out: Path, *words: str) -> subprocess.CompletedProcess[str]:
    command = [
        sys.executable,
        str(root / "benchmarks" / "gpu.py"),
        *words,
        "--device",
        "cpu",
        "--out",
        str(out),
    ]
    environment = {name: value for name, value in os.environ.items() if name not in ("OUT", "DEVICE")}
    return subprocess.run(
        command, cwd=out.parent, env=environment, capture_output=True, text=True, check=False, timeout=100
    )


def test_check_tells_what_is_there_and_what_is_missing(root: Path, tmp_path: Path) -> None:
    done = call(root, tmp_path / "out", "check")
    assert done.returncode == 0, done.stdout + done.stderr
    facts = json.loads((tmp_path / "out" / "check.json").read_text(encoding="utf-8"))
    assert facts["useful"] and facts["arithmetic"]["fp32"] == "works"
    assert set(facts["parts"].values()) == {""}
    assert {"timm", "safetensors", "pytest"} <= set(facts["packages"])
    for name, what in facts["missing"].items():
        assert f"missing: {name}; needed by {what}" in done.stdout
    assert not set(facts["missing"]) & set(facts["packages"])


def test_rows_are_measured_once_and_a_failing_one_is_noted(root: Path, tmp_path: Path) -> None:
    out = tmp_path / "out"
    words = ("benchmark", "--presets", "lean", "nonsense", *SMALL)
    first = call(root, out, *words)
    assert first.returncode == 0, first.stdout + first.stderr
    journal = (out / "benchmark.jsonl").read_text(encoding="utf-8")
    rows = [json.loads(line) for line in journal.splitlines()]
    assert [(row["preset"], row["what"]) for row in rows] == [
        ("lean", "pair"),
        ("lean", "forward"),
        ("nonsense", "pair"),
    ]
    assert all(row["ms"] > 0 and row["finite"] and row["runs"] == 2 for row in rows[:2])
    assert "network preset is 'nonsense'" in rows[2]["error"]
    assert "| nonsense | 64x96 | pair | fp32 | failed |" in (out / "benchmark.md").read_text(encoding="utf-8")
    second = call(root, out, *words)
    assert second.returncode == 0 and "0 rows to measure" in second.stdout
    assert (out / "benchmark.jsonl").read_text(encoding="utf-8") == journal
    moved = call(root, tmp_path / "elsewhere", *words, "--earlier", str(out))
    assert "0 rows to measure" in moved.stdout
    assert (tmp_path / "elsewhere" / "benchmark.jsonl").read_text(encoding="utf-8") == journal


def test_a_row_that_takes_too_long_is_noted_and_ends(root: Path, tmp_path: Path) -> None:
    out = tmp_path / "out"
    words = ("benchmark", "--presets", "tiny", *SMALL, "--row-seconds", "1", "--repeats", "100000000")
    done = call(root, out, *words)
    assert done.returncode == 0, done.stdout + done.stderr
    (line,) = (out / "benchmark.jsonl").read_text(encoding="utf-8").splitlines()
    assert json.loads(line)["error"] == "the process ended: took more than 1 s"


def test_a_command_ends_in_time_and_is_asked_before(gpu: ModuleType) -> None:
    supervised = importlib.import_module("gpu_pieces.processes").supervised
    lines: list[str] = []
    stubborn = (
        "import signal, time; "
        "signal.signal(signal.SIGTERM, lambda *_: print('asked', flush=True)); "
        "print('ready', flush=True); time.sleep(60); time.sleep(60)"
    )
    status = supervised([sys.executable, "-c", stubborn], 4, dict(os.environ), lines.append, signal.SIGTERM)
    assert status is None and lines == ["ready\n", "asked\n"]
    assert supervised([sys.executable, "-c", "raise SystemExit(7)"], 60, dict(os.environ), print) == 7


def arguments(gpu: ModuleType, tmp_path: Path, device: str) -> Any:
    return gpu.arguments(["train", "--device", device, "--state", str(tmp_path), "--seconds", "540"])


def words_of(training: ModuleType, args: Any) -> list[str]:
    found: list[str] = training.training_words(args, training.Run(args.config, args.state))
    return found


def test_training_goes_on_where_there_is_a_state_and_ends_before_its_time(
    gpu: ModuleType, training: ModuleType, tmp_path: Path
) -> None:
    words = words_of(training, arguments(gpu, tmp_path, "cuda"))
    assert "--resume" not in words and words[words.index("--precision") + 1] == "bf16"
    assert float(words[words.index("--max-minutes") + 1]) <= 8
    (tmp_path / "state.safetensors").touch()
    words = words_of(training, arguments(gpu, tmp_path, "cpu"))
    assert "--resume" in words and words[words.index("--precision") + 1] == "fp32"
    assert words[words.index("--workers") + 1] in ("0", "1")


def test_scarce_shared_memory_bounds_the_workers(
    training: ModuleType, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    config = tmp_path / "run.yaml"
    config.write_text("{batch: 2, height: 192, width: 384}", encoding="utf-8")
    monkeypatch.setattr(training, "cores", lambda: 16)
    for free, expected in ((512 * 2**20, 7), (2**34, 16)):
        monkeypatch.setattr(training, "shared_memory", lambda free=free: free)
        assert training.workers(True, training.Run(config, tmp_path)) == expected
    config.write_text("{system: video, views: 4, height: 192, width: 256}", encoding="utf-8")
    monkeypatch.setattr(training, "shared_memory", lambda: 512 * 2**20)
    assert training.workers(True, training.Run(config, tmp_path, batch=8)) == 8


def test_keyframes_of_videos_are_rows_of_the_same_table(root: Path, tmp_path: Path) -> None:
    out = tmp_path / "out"
    words = ("video", "--videos", "lean-video", "nonsense", "--precisions", "fp32", "--repeats", "2")
    done = call(root, out, *words)
    assert done.returncode == 0, done.stdout + done.stderr
    rows = [json.loads(line) for line in (out / "benchmark.jsonl").read_text(encoding="utf-8").splitlines()]
    assert [(row["preset"], row["what"]) for row in rows] == [
        ("lean-video", "keyframe"),
        ("nonsense", "keyframe"),
    ]
    assert rows[0]["ms"] > 0 and rows[0]["runs"] == 2 and rows[0]["stages_ms"]["network"] > 0
    assert "preset is 'nonsense'" in rows[1]["error"]
    assert "| lean-video | 256x320 | keyframe | fp32 |" in (out / "benchmark.md").read_text(encoding="utf-8")
    assert "0 rows to measure" in call(root, out, *words).stdout


def test_the_training_for_video_goes_on_here_and_elsewhere(root: Path, tmp_path: Path) -> None:
    """It begins with the state that comes along, and its files have names of their own."""
    config, out = tmp_path / "video.yaml", tmp_path / "out"
    small = {"height": 64, "width": 64, "batch": 1, "views": 2, "log_every": 1, "validate_every": 100_000}
    config.write_text(json.dumps({"system": "video", **small}), encoding="utf-8")
    words = ("train-video", "--video-config", str(config), "--seconds", "30")
    done = call(root, out, *words, "--video-state", str(tmp_path / "run"))
    assert done.returncode == 0, done.stdout + done.stderr
    assert {"video_state.safetensors", "video_weights.safetensors", "video_log.jsonl"} == {
        f.name for f in out.iterdir()
    }
    first = json.loads((out / "video_log.jsonl").read_text(encoding="utf-8").splitlines()[-1])["step"]
    assert first > 1045
    again = call(root, out, *words, "--video-state", str(tmp_path / "other"), "--earlier", str(out))
    assert "taken from" in again.stdout
    assert json.loads((out / "video_log.jsonl").read_text(encoding="utf-8").splitlines()[-1])["step"] > first


def test_only_small_files_are_handed_over(
    training: ModuleType, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "out"
    out.mkdir()
    (tmp_path / "weights.safetensors").write_bytes(bytes(2000))
    assert training._hand_over(tmp_path / "weights.safetensors", out)
    monkeypatch.setattr(training, "LARGEST_FILE", 1000)
    assert not training._hand_over(tmp_path / "weights.safetensors", out)
    assert "NOT handed over" in capsys.readouterr().out
    assert [file.name for file in out.iterdir()] == ["weights.safetensors"]
