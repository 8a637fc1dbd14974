# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
import yaml
from dataset_trees import user_folder
from small_runs import SMALL

from foundation_stereo_ros.train.run_files import WEIGHTS_NAME
from foundation_stereo_ros.train.stop_request import StopRequest
from foundation_stereo_ros.weights import load_checkpoint

HOUSE = Path(__file__).parents[2]
PATIENCE = 200  # seconds; only a hanging run takes so long


def test_the_first_signal_is_a_wish_and_the_second_acts_as_before() -> None:
    with pytest.raises(KeyboardInterrupt), StopRequest() as interrupts:
        os.kill(os.getpid(), signal.SIGINT)
        assert interrupts.asked
        os.kill(os.getpid(), signal.SIGINT)
    assert signal.getsignal(signal.SIGINT) is signal.default_int_handler


def test_where_a_launcher_passes_signals_on_all_are_one_wish() -> None:
    before = signal.getsignal(signal.SIGTERM)
    with StopRequest(patient=True) as interrupts:
        assert not interrupts.asked
        for number in (signal.SIGINT, signal.SIGTERM, signal.SIGINT):
            os.kill(os.getpid(), number)
        assert interrupts.asked
    assert signal.getsignal(signal.SIGTERM) is before


def test_signals_to_the_whole_group_leave_worker_processes_alone(tmp_path: Path) -> None:
    user_folder(tmp_path / "mine")
    data = [{"dataset": "scenes"}, {"dataset": "folder", "root": str(tmp_path / "mine")}]
    settings = {**SMALL, "batch": 2, "steps": 100_000, "workers": 1, "data": data}
    (tmp_path / "train.yaml").write_text(yaml.safe_dump(settings))
    words = f"train --quiet --device cpu --config {tmp_path}/train.yaml -o {tmp_path}/run".split()
    process = subprocess.Popen(
        [sys.executable, "-m", "foundation_stereo_ros.cli.main", *words],
        env={**os.environ, "PYTHONPATH": str(HOUSE), "OMP_NUM_THREADS": "1"},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )
    log, deadline = tmp_path / "run" / "log.jsonl", time.monotonic() + PATIENCE
    while process.poll() is None and time.monotonic() < deadline and not (log.exists() and log.read_text()):
        time.sleep(0.1)
    os.killpg(process.pid, signal.SIGTERM)
    try:
        out, err = process.communicate(timeout=PATIENCE)
    finally:
        if process.poll() is None:
            os.killpg(process.pid, signal.SIGKILL)
    assert process.returncode == 130, err
    assert "interrupted after" in out
    assert "Traceback" not in err
    assert load_checkpoint(tmp_path / "run" / WEIGHTS_NAME)
