# SPDX-License-Identifier: Apache-2.0
"""All of the live core, as a node sees it."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from live_messages import PATIENCE_S, TYPES, image, info, wait_until

from foundation_stereo_ros.errors import ConfigError
from foundation_stereo_ros.ros.live import core as core_module
from foundation_stereo_ros.ros.live.advice import TopicFacts
from foundation_stereo_ros.ros.live.config import StereoLiveConfig
from foundation_stereo_ros.ros.live.core import Live, live_stereo
from foundation_stereo_ros.ros.live.counts import CameraCounts, IntakeCounts
from foundation_stereo_ros.ros.live.status import ERROR, OK, WARN
from foundation_stereo_ros.ros.live.topics import STEREO_CAMERAS

NAMES = [name for names in STEREO_CAMERAS.values() for name in names]
Push = Callable[..., None]


@pytest.fixture
def core(pipeline: Any, recorder: Any, monkeypatch: pytest.MonkeyPatch) -> Iterator[Live[Any]]:
    monkeypatch.setattr(core_module, "_PATIENCE_S", -1.0)  # says at once why nothing comes
    core = live_stereo(pipeline, StereoLiveConfig(), TYPES, recorder("disparity"), lambda: 10**9)
    core.intake.push_info("left", info("left", 0))
    yield core
    pipeline.gate.set()
    assert core.worker.stop(PATIENCE_S)


def started(core: Live[Any]) -> Any:
    core.worker.start()
    wait_until("warm", lambda: core.worker.state != "warming up")
    return core._outlet


def test_from_the_first_pair_to_the_last(core: Live[Any], push: Push) -> None:
    assert core.status().message.startswith("inactive")
    outlet = started(core)
    push(core.intake, 1)
    outlet.wait_for(1)
    wait_until("counted", lambda: core.statistics.snapshot().results == 1)
    status = core.status()
    assert (status.level, status.message[:7]) == (OK, "running")
    values = dict(status.values)
    assert values["weights"] == "lean (shipped with the package)"
    assert (values["device"], values["precision"], values["subscribers"]) == ("cpu", "float32", "disparity")
    assert "MiB (process)" in values["memory"]
    core.worker.enabled = False
    assert not core.worker.enabled
    assert core.status().message.startswith("disabled")
    core.worker.enabled = True
    outlet.subscribed = ()
    push(core.intake, 2)
    wait_until("idle", lambda: core.worker.state == "idle")
    assert core.status()[:2] == (OK, "idle: nobody subscribes to an output")
    assert core.worker.stop(PATIENCE_S)
    core.worker.start()
    outlet.subscribed = ("points2",)
    push(core.intake, 3)
    outlet.wait_for(2)
    assert outlet.stamps() == [1, 3]


def test_advice_is_in_the_status_and_once_in_the_log(
    core: Live[Any], push: Push, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    facts = {name: TopicFacts(f"/{name}") for name in NAMES}
    assert core.status(facts).level == OK
    assert caplog.records == []
    outlet = started(core)
    for _ in range(3):
        status = core.status(facts)
        assert status.level == WARN
        assert status.message.startswith("no output: /left/image_rect has no publisher")

    def said() -> int:
        return sum("/left/image_rect has no publisher" in r.getMessage() for r in caplog.records)

    assert said() == 1
    push(core.intake, 1)
    outlet.wait_for(1)
    wait_until("counted", lambda: core.statistics.snapshot().results == 1)
    assert core.status(facts).level == OK
    assert said() == 1
    monkeypatch.setattr(
        core.intake,
        "counts",
        lambda: IntakeCounts({side: CameraCounts(names) for side, names in STEREO_CAMERAS.items()}),
    )
    assert core.status(facts).level == WARN
    assert said() == 2


def test_stamps_that_never_fit_are_told_until_reconfigured(core: Live[Any], push: Push) -> None:
    outlet = started(core)
    for side, stamp in (("left", 0), ("right", 5_000_000)):
        core.intake.push_info(side, info(side, stamp))
        core.intake.push_image(side, image(side, stamp))
    assert "approximate_sync to true and slop to 0.007" in core.status().message
    core.worker.reconfigure(live_config=StereoLiveConfig(approximate_sync=True, slop=0.007))
    for side, stamp in (("left", 30_000_000), ("right", 35_000_000)):
        core.intake.push_info(side, info(side, stamp))
        core.intake.push_image(side, image(side, stamp))
    outlet.wait_for(1)
    assert outlet.stamps() == [30_000_000]


def test_where_no_pair_can_be_used_that_is_an_error(core: Live[Any], push: Push) -> None:
    started(core)
    push(core.intake, 1, 0.0)
    wait_until("rejected", lambda: core.statistics.snapshot().rejected == 1)
    status = core.status()
    assert status.level == ERROR
    assert "baseline" in status.message
    assert "baseline" in dict(status.values)["last reason"]


def test_a_refused_setting_changes_nothing(core: Live[Any], pipeline: Any) -> None:
    wide = StereoLiveConfig(approximate_sync=True, slop=0.5)
    with pytest.raises(ConfigError, match="precision"):
        core.worker.reconfigure(pipeline.config.replace(precision="bf16"), wide)
    assert core.worker.config == StereoLiveConfig()
    with pytest.raises(ConfigError, match="autostart"):
        core.worker.reconfigure(None, StereoLiveConfig(autostart=False))
    core.worker.reconfigure(pipeline.config.replace(z_far=5.0), wide)
    assert core.worker.config == wide


def test_the_next_result_is_saved(core: Live[Any], push: Push, tmp_path: Path) -> None:
    core.worker.reconfigure(live_config=StereoLiveConfig(save_directory=str(tmp_path)))
    started(core)
    saving = core.worker.save_next()
    push(core.intake, 3)
    assert saving.result(PATIENCE_S)[0].parent == tmp_path / "0_000000003"


def test_logs_are_the_packages(core: Live[Any], caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    started(core)
    core.status({name: TopicFacts(f"/{name}") for name in NAMES})
    assert caplog.records
    assert {record.name.split(".")[0] for record in caplog.records} == {"foundation_stereo_ros"}


def test_an_unusual_rig_is_a_warning_and_once_in_the_log(
    core: Live[Any], push: Push, caplog: pytest.LogCaptureFixture
) -> None:
    outlet = started(core)
    for stamp in (1, 2):
        push(core.intake, stamp, 60.0)
        outlet.wait_for(stamp)
    wait_until("counted", lambda: core.statistics.snapshot().results == 2)
    assert core.status()[:2] == (WARN, "baseline is 60 m, which is unusual: are these millimetres?")
    assert [r.getMessage() for r in caplog.records] == [core.status().message]
    for stamp in (3, 4):  # the first one may still have the calibration before
        push(core.intake, stamp, 0.1)
        outlet.wait_for(stamp)
    wait_until("counted", lambda: core.statistics.snapshot().results == 4)
    assert core.status().level == OK
