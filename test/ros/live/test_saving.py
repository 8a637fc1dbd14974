# SPDX-License-Identifier: Apache-2.0
"""Results on disk, asked for while the worker runs."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator
from concurrent.futures import CancelledError
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from live_messages import PATIENCE_S, TYPES, info, wait_until

from foundation_stereo_ros.ros.live.config import LiveConfig
from foundation_stereo_ros.ros.live.intake import StereoIntake
from foundation_stereo_ros.ros.live.saving import result_folder
from foundation_stereo_ros.ros.live.statistics import LiveStatistics
from foundation_stereo_ros.ros.live.worker import StereoWorker

Push = Callable[..., None]
STAMP = 12_000_000_034
NAMES = {"left.png", "disparity.png", "depth.png", "cloud.ply", "result.npz"}


class Rig:
    def __init__(self, pipeline: Any, outlet: Any, directory: Path) -> None:
        self.intake, self.outlet, self.statistics = StereoIntake(), outlet, LiveStatistics()
        self.intake.push_info("left", info("left", 0))
        config = LiveConfig(save_directory=str(directory))
        self.worker = StereoWorker(
            pipeline, self.intake, outlet, TYPES, config, self.statistics, lambda: STAMP
        )


@pytest.fixture
def rig(pipeline: Any, recorder: Any, tmp_path: Path) -> Iterator[Rig]:
    rig = Rig(pipeline, recorder(), tmp_path / "saved")
    rig.worker.start()
    yield rig
    pipeline.gate.set()
    assert rig.worker.stop(PATIENCE_S)


def test_the_next_result_gets_a_folder_also_without_subscribers(rig: Rig, push: Push, tmp_path: Path) -> None:
    saving, again = rig.worker.save_next(), rig.worker.save_next()
    push(rig.intake, STAMP)
    files = saving.result(PATIENCE_S)
    assert {file.name for file in files} == NAMES
    assert {file.parent for file in files} == {tmp_path / "saved" / "12_000000034"}
    assert all(file.stat().st_size for file in files)
    assert again.result(PATIENCE_S) == files
    with np.load(tmp_path / "saved" / "12_000000034" / "result.npz") as arrays:
        assert arrays["depth"].shape == (40, 60)
        assert arrays["baseline"] == pytest.approx(0.1)
    push(rig.intake, STAMP + 1)
    assert rig.outlet.messages == []
    assert rig.statistics.snapshot().saved == 1


def test_the_limit_of_the_rate_does_not_keep_a_result_from_the_disk(
    rig: Rig, push: Push, tmp_path: Path
) -> None:
    rig.outlet.subscribed = ("disparity",)
    slow = LiveConfig(save_directory=str(tmp_path), publish_rate_limit=0.001)
    rig.worker.reconfigure(live_config=slow)
    push(rig.intake, 1)
    rig.outlet.wait_for(1)
    saving = rig.worker.save_next()
    push(rig.intake, 2)
    assert saving.result(PATIENCE_S)


def test_a_failure_is_the_futures_error_and_one_line_and_the_worker_lives(
    rig: Rig, push: Push, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    (tmp_path / "file").write_text("in the way")
    rig.worker.reconfigure(live_config=LiveConfig(save_directory=str(tmp_path / "file")))
    saving = rig.worker.save_next()
    push(rig.intake, 1)
    assert "file" in str(saving.exception(PATIENCE_S))
    (record,) = [r for r in caplog.records if r.levelno >= logging.WARNING]
    assert "not saved" in record.getMessage()
    rig.worker.reconfigure(live_config=LiveConfig(save_directory=str(tmp_path / "other")))
    saving = rig.worker.save_next()
    push(rig.intake, 2)
    assert saving.result(PATIENCE_S)
    assert rig.statistics.snapshot().saved == 1


def test_stopping_cancels(rig: Rig) -> None:
    saving = rig.worker.save_next()
    assert rig.worker.stop(PATIENCE_S)
    with pytest.raises(CancelledError):
        saving.result(0)
    assert rig.worker.save_next().cancelled()


def test_who_has_given_up_waiting_causes_no_work(rig: Rig, push: Push, pipeline: Any, tmp_path: Path) -> None:
    assert rig.worker.save_next().cancel()
    push(rig.intake, 1)
    wait_until("skipped", lambda: rig.statistics.snapshot().skipped["no subscriber"] == 1)
    assert pipeline.processed == []
    assert not (tmp_path / "saved").exists()


def test_a_rejected_pair_is_not_the_result_that_is_waited_for(rig: Rig, push: Push, tmp_path: Path) -> None:
    saving = rig.worker.save_next()
    push(rig.intake, 1, 0.0)
    wait_until("rejected", lambda: rig.statistics.snapshot().rejected == 1)
    assert not saving.done()
    push(rig.intake, 2)
    assert saving.result(PATIENCE_S)[0].parent.name == "0_000000002"


def test_the_default_directory_is_in_ros(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    assert result_folder("", 5) == tmp_path / ".ros" / "foundation_stereo" / "0_000000005"
    assert result_folder("~/here", 10**9) == tmp_path / "here" / "1_000000000"
