# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest
import torch
import yaml
from safetensors.torch import load, load_file
from small_runs import SMALL
from train_without_dropout import keep_everything

from foundation_stereo_ros.errors import ConfigError
from foundation_stereo_ros.train.config import TrainingConfig
from foundation_stereo_ros.train.distributed import ALONE, Group, Place, find_device, find_place
from foundation_stereo_ros.train.run_files import STATE_NAME, WEIGHTS_NAME, read_about
from foundation_stereo_ros.train.trainer import Trainer

HOUSE = Path(__file__).parents[2]
COMMAND = [
    *(sys.executable, "-m", "torch.distributed.run", "--standalone", "--nproc_per_node", "2"),
    str(HOUSE / "test" / "support" / "train_without_dropout.py"),
]
PATIENCE = 200  # seconds; only a hanging run takes so long
FILES = {STATE_NAME, WEIGHTS_NAME, "log.jsonl", "tensorboard"}
SETTINGS: dict[str, Any] = {
    **SMALL,
    "norms": "frozen",
    # what follows from the places of pairs in a batch would differ
    "augmentation": {
        "brightness": 0.0,
        "contrast": 0.0,
        "saturation": [1.0, 1.0],
        "eraser": 0.0,
        "shift": 0.0,
    },
}


def _launch(folder: Path, steps: int, *words: str) -> subprocess.Popen[str]:
    settings = folder / "train.yaml"
    settings.write_text(yaml.safe_dump({**SETTINGS, "steps": steps}))
    return subprocess.Popen(
        [*COMMAND, "train", "--quiet", "--device", "cpu", "--config", settings, "-o", folder / "run", *words],
        env={**os.environ, "PYTHONPATH": str(HOUSE), "OMP_NUM_THREADS": "1"},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def _end(process: subprocess.Popen[str]) -> tuple[str, str]:
    """Return what it has printed; a launcher that hangs takes its processes along."""
    try:
        return process.communicate(timeout=PATIENCE)
    except subprocess.TimeoutExpired:
        process.terminate()
        raise AssertionError(f"still running: {process.communicate()}") from None


def _logged(folder: Path) -> list[dict[str, float]]:
    file = folder / "run" / "log.jsonl"
    return [json.loads(line) for line in file.read_text().splitlines()] if file.exists() else []


@pytest.fixture(scope="module")
def interrupted(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, str]:
    """The folder of a run of two processes that somebody stopped, and what it said."""
    folder = tmp_path_factory.mktemp("two")
    process = _launch(folder, 100_000)
    deadline = time.monotonic() + PATIENCE
    while process.poll() is None and time.monotonic() < deadline:
        if any(line["step"] >= 2 for line in _logged(folder)):
            break
        time.sleep(0.1)
    process.send_signal(signal.SIGINT)
    out, err = _end(process)
    assert "interrupted after" in out, err
    return folder, out


def test_all_stop_at_the_same_step_and_only_one_writes(interrupted: tuple[Path, str]) -> None:
    folder, out = interrupted
    # said once, after all processes have met for a last time
    stopped = int(out.split("interrupted after ")[1].split()[0])
    assert out.count("interrupted") == 1
    assert {file.name for file in (folder / "run").iterdir()} == FILES
    assert len(list((folder / "run" / "tensorboard").iterdir())) == 1
    assert [line["step"] for line in _logged(folder)] == list(range(1, stopped + 1))


def test_the_gradients_of_two_processes_are_those_of_one_with_both_batches(
    interrupted: tuple[Path, str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder, _ = interrupted
    before = (folder / "run" / STATE_NAME).read_bytes()
    (tmp_path / STATE_NAME).write_bytes(before)
    values = read_about(tmp_path / STATE_NAME)["config"]
    step = len(_logged(folder)) + 1
    out, err = _end(_launch(folder, step, "--resume"))
    assert f"complete after {step} steps" in out, err
    monkeypatch.setattr(torch.nn.Dropout, "forward", keep_everything)
    alone = TrainingConfig.from_dict({**values, "steps": step, "batch": 2})
    Trainer(alone, tmp_path, "cpu", resume=True).run(show_progress=False)
    one, two = load_file(tmp_path / STATE_NAME), load_file(folder / "run" / STATE_NAME)
    start = load(before)
    largest = 0.0
    for name in (name for name in one if name.startswith("adam.exp_avg.")):
        gradients = [10 * (after[name] - 0.9 * start[name]) for after in (one, two)]
        scale = float(gradients[0].abs().max())
        torch.testing.assert_close(gradients[1], gradients[0], rtol=1e-2, atol=1e-2 * scale + 1e-5)
        largest = max(largest, scale)
    assert largest > 1e-2


def test_a_process_finds_its_place() -> None:
    place = {"RANK": "1", "WORLD_SIZE": "4", "LOCAL_RANK": "1", "MASTER_ADDR": "localhost"}
    assert find_place({}) == find_place({"WORLD_SIZE": "4"}) == ALONE
    assert find_place(place) == Place(1, 4)
    for wrong in ({"RANK": "4"}, {"RANK": "-1"}, {"WORLD_SIZE": "many"}):
        with pytest.raises(ConfigError, match="expected"):
            find_place({**place, **wrong})


def test_a_process_finds_its_device() -> None:
    assert find_device("cpu", Place(1, 2)) == torch.device("cpu")
    assert find_device("cuda:1", ALONE) == torch.device("cuda:1")
    with pytest.raises(ConfigError, match=r"device is 'cuda:1' with 2 processes; expected"):
        find_device("cuda:1", Place(1, 2))
    with pytest.raises(ConfigError, match=r"device is 'gpu'; expected"):
        find_device("gpu", ALONE)
    many = {"LOCAL_RANK": str(torch.cuda.device_count())}
    with pytest.raises(ConfigError, match="CUDA devices; expected one for each"):
        find_device("cuda", Place(1, 2), many)


def test_alone_nothing_is_exchanged() -> None:
    model = torch.nn.Linear(1, 1)
    assert Group().wrap(model) is model
    assert Group().highest(1.0, 2.0) == (1.0, 2.0)


def test_synced_norms_need_cuda(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"norms is 'synced' on cpu; expected batch or frozen"):
        Trainer(TrainingConfig(**SMALL, norms="synced"), tmp_path, "cpu")
