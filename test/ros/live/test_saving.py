# SPDX-License-Identifier: Apache-2.0
"""Results on disk, asked for while the worker runs."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import CancelledError, Future
from pathlib import Path
from threading import Event
from typing import Any

import numpy as np
import pytest
from live_messages import PATIENCE_S, TYPES, info, wait_until

from foundation_stereo_ros.estimate.files import write_result
from foundation_stereo_ros.ros.live import saving as saving_module
from foundation_stereo_ros.ros.live.config import StereoLiveConfig
from foundation_stereo_ros.ros.live.intake import StereoIntake
from foundation_stereo_ros.ros.live.saving import QUEUE_SIZE, result_folder
from foundation_stereo_ros.ros.live.statistics import LiveStatistics
from foundation_stereo_ros.ros.live.steps import StereoSteps
from foundation_stereo_ros.ros.live.worker import Worker

Push = Callable[..., None]
STAMP = 12_000_000_034
NAMES = {"left.png", "disparity.png", "depth.png", "cloud.ply", "result.npz"}


class Rig:
    def __init__(self, pipeline: Any, outlet: Any, directory: Path) -> None:
        self.intake, self.outlet, self.statistics = StereoIntake(), outlet, LiveStatistics()
        self.intake.push_info("left", info("left", 0))
        config = StereoLiveConfig(save_directory=str(directory))
        self.worker = Worker(
            pipeline,
            StereoSteps(pipeline),
            self.intake,
            outlet,
            TYPES,
            config,
            self.statistics,
            lambda: STAMP,
        )


@pytest.fixture
def rig(pipeline: Any, recorder: Any, tmp_path: Path) -> Iterator[Rig]:
    rig = Rig(pipeline, recorder(), tmp_path / "saved")
    rig.worker.start()
    yield rig
    pipeline.gate.set()
    assert rig.worker.stop(PATIENCE_S)
    assert rig.worker.finish_saving(PATIENCE_S)


class SlowDisk:
    """The real writing, which waits for the test to open the gate."""

    def __init__(self) -> None:
        self.gate = Event()
        self.begun: list[str] = []

    def __call__(self, folder: Path, *given: Any) -> list[Path]:
        self.begun.append(folder.name)
        assert self.gate.wait(PATIENCE_S)
        return write_result(folder, *given)


@pytest.fixture
def disk(rig: Rig, monkeypatch: pytest.MonkeyPatch) -> Iterator[SlowDisk]:
    disk = SlowDisk()
    monkeypatch.setattr(saving_module, "write_result", disk)
    yield disk
    disk.gate.set()


def ask_for_pairs(rig: Rig, push: Push, stamps: Iterable[int]) -> list[Future[list[Path]]]:
    """Ask for the result of each pair, and wait until the pair is computed."""
    futures = []
    for stamp in stamps:
        results = rig.statistics.snapshot().results
        futures.append(rig.worker.save_next())
        push(rig.intake, stamp)
        wait_until("computed", lambda results=results: rig.statistics.snapshot().results > results)
    return futures


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
    slow = StereoLiveConfig(save_directory=str(tmp_path), publish_rate_limit=0.001)
    rig.worker.reconfigure(live_config=slow)
    push(rig.intake, 1)
    rig.outlet.wait_for(1)
    saving = rig.worker.save_next()
    push(rig.intake, 2)
    assert saving.result(PATIENCE_S)


def test_a_failure_is_the_futures_error_and_one_line_and_the_worker_goes_on(
    rig: Rig, push: Push, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    (tmp_path / "file").write_text("in the way")
    rig.worker.reconfigure(live_config=StereoLiveConfig(save_directory=str(tmp_path / "file")))
    saving = rig.worker.save_next()
    push(rig.intake, 1)
    assert "file" in str(saving.exception(PATIENCE_S))
    (record,) = [r for r in caplog.records if r.levelno >= logging.WARNING]
    assert "not saved" in record.getMessage()
    rig.worker.reconfigure(live_config=StereoLiveConfig(save_directory=str(tmp_path / "other")))
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


def test_a_slow_disk_holds_up_no_pair(rig: Rig, push: Push, disk: SlowDisk) -> None:
    rig.outlet.subscribed = ("disparity",)
    (saving,) = ask_for_pairs(rig, push, [1])
    wait_until("being written", lambda: disk.begun == ["0_000000001"])
    for stamp in (2, 3):
        push(rig.intake, stamp)
        rig.outlet.wait_for(stamp)
    assert not saving.done()
    assert rig.statistics.snapshot().saved == 0
    disk.gate.set()
    assert saving.result(PATIENCE_S)[0].parent.name == "0_000000001"
    assert rig.statistics.snapshot().saved == 1


def test_few_results_wait_for_the_disk_and_who_asks_later_gets_a_later_one(
    rig: Rig, push: Push, disk: SlowDisk, pipeline: Any
) -> None:
    ask_for_pairs(rig, push, [1])
    wait_until("being written", lambda: len(disk.begun) == 1)
    queued = ask_for_pairs(rig, push, range(2, 2 + QUEUE_SIZE))
    late, skipped = rig.worker.save_next(), rig.statistics.snapshot().skipped["no subscriber"]
    push(rig.intake, 8)
    wait_until("skipped", lambda: rig.statistics.snapshot().skipped["no subscriber"] > skipped)
    assert pipeline.processed == [1, *range(2, 2 + QUEUE_SIZE)]
    disk.gate.set()
    names = [future.result(PATIENCE_S)[0].parent.name for future in queued]
    assert names == [f"0_{stamp:09d}" for stamp in range(2, 2 + QUEUE_SIZE)]
    push(rig.intake, 9)
    assert late.result(PATIENCE_S)[0].parent.name == "0_000000009"


def test_stopping_cancels_what_waits_for_the_disk_and_completes_what_is_being_written(
    rig: Rig, push: Push, disk: SlowDisk, tmp_path: Path
) -> None:
    (written,) = ask_for_pairs(rig, push, [1])
    wait_until("being written", lambda: len(disk.begun) == 1)
    (queued,) = ask_for_pairs(rig, push, [2])
    assert rig.worker.stop(PATIENCE_S)
    assert queued.cancelled()
    assert not written.done()
    assert not rig.worker.finish_saving(0.01)
    disk.gate.set()
    assert rig.worker.finish_saving(PATIENCE_S)
    assert {file.name for file in written.result(0)} == NAMES
    assert [folder.name for folder in (tmp_path / "saved").iterdir()] == ["0_000000001"]
    assert {file.name for file in (tmp_path / "saved" / "0_000000001").iterdir()} == NAMES


def test_who_gives_up_while_the_result_waits_for_the_disk_gets_no_files(
    rig: Rig, push: Push, disk: SlowDisk, tmp_path: Path
) -> None:
    ask_for_pairs(rig, push, [1])
    wait_until("being written", lambda: len(disk.begun) == 1)
    (queued,) = ask_for_pairs(rig, push, [2])
    assert queued.cancel()
    disk.gate.set()
    assert rig.worker.finish_saving(PATIENCE_S)
    assert [folder.name for folder in (tmp_path / "saved").iterdir()] == ["0_000000001"]


def test_python_waits_for_the_writing_thread(rig: Rig, push: Push, disk: SlowDisk) -> None:
    ask_for_pairs(rig, push, [1])
    wait_until("being written", lambda: len(disk.begun) == 1)
    (thread,) = [thread for thread in threading.enumerate() if thread.name == "saving"]
    assert not thread.daemon
    disk.gate.set()
    thread.join(PATIENCE_S)
    assert not thread.is_alive()


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
