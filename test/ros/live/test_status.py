# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import dataclasses
from typing import Any

import pytest

from foundation_stereo_ros.estimate.interface import Engine
from foundation_stereo_ros.estimate.remarks import SidesExchanged, TooNear
from foundation_stereo_ros.ros.live.counts import CameraCounts, IntakeCounts
from foundation_stereo_ros.ros.live.statistics import LiveStatistics, Quantiles, StatisticsSnapshot
from foundation_stereo_ros.ros.live.status import ERROR, OK, STALE, WARN, Status, status_of
from foundation_stereo_ros.ros.live.topics import STEREO_CAMERAS
from foundation_stereo_ros.ros.live.worker import State

CAMERA = CameraCounts(
    STEREO_CAMERAS["left"],
    images=300,
    infos=300,
    unmatched=2,
    image_rate=29.97,
    image_age=0.01,
    info_age=0.01,
)
COUNTS = IntakeCounts({"left": CAMERA, "right": CAMERA}, sets=298, delivered=100, overtaken=198)
GOOD = StatisticsSnapshot(
    results=100,
    output_rate=10.04,
    recent_results=100,
    skipped={"no subscriber": 4, "disabled": 0, "rate limit": 0},
    latency=Quantiles(0.0831, 0.1202),
    compute=Quantiles(0.07, 0.1),
    stages={"decode": Quantiles(0.001, 0.002), "network": Quantiles(0.06, 0.09)},
)


def status(state: State = "running", advice: tuple[str, ...] = (), **changes: Any) -> Status:
    return status_of(state, COUNTS, dataclasses.replace(GOOD, **changes), advice=advice)


def test_levels_are_those_of_diagnostic_msgs() -> None:
    assert (OK, WARN, ERROR, STALE) == (0, 1, 2, 3)


def test_running_is_ok_and_says_how_fast() -> None:
    assert status()[:2] == (OK, "running: 10.0 results a second, 83 ms after the images")


def test_images_of_another_day_are_told_from_a_slow_network() -> None:
    found = status(latency=Quantiles(3 * 3600.0, 4 * 3600.0))
    assert found[:2] == (
        OK,
        "running: 10.0 results a second, of images 3 hours old; "
        "for a recording, set use_sim_time and publish its time on /clock",
    )
    assert "ms after" not in found.message


@pytest.mark.parametrize(
    ("state", "word"),
    [
        ("idle", "nobody subscribes"),
        ("disabled", "disabled"),
        ("warming up", "warming up"),
        ("stopped", "inactive"),
    ],
)
def test_at_rest_is_ok_whatever_was_before(state: State, word: str) -> None:
    found = status(state, ("no publisher",), recent_results=0, recent_rejected=7)
    assert found.level == OK
    assert word in found.message


def test_no_output_is_a_warning_with_the_first_advice() -> None:
    found = status("waiting", ("/left has no publisher", "other"), recent_results=0, latency=None)
    assert found[:2] == (WARN, "no output: /left has no publisher")


def test_some_rejected_is_a_warning_all_is_an_error() -> None:
    some = status(recent_results=15, recent_rejected=5, reason="unknown encoding")
    assert some[:2] == (WARN, "5 of the last 20 pairs were rejected: unknown encoding")
    every = status(recent_results=0, recent_rejected=5, latency=None, reason="unknown encoding")
    assert every[:2] == (ERROR, "no pair can be used: unknown encoding")
    past = status(recent_rejected=0, rejected=9, reason="unknown encoding")
    assert past.level == OK


def test_what_makes_results_wrong_is_a_warning_while_it_lasts() -> None:
    near = TooNear(100, 0.2, 128.0, 150.0, remedies=({"scale": "0.8"}, {"hierarchical": ""}))
    found = status(remarks=(near,))
    assert found.level == WARN
    assert "results a second, but something is too near" in found.message
    assert found.message.endswith("(set scale to 0.8 or set hierarchical to true)")
    assert status(remarks=()).level == OK


def test_before_the_first_result_it_waits_or_computes() -> None:
    assert status("waiting", recent_results=0, latency=None)[:2] == (OK, "waiting for images")
    assert status("running", recent_results=0, latency=None)[:2] == (OK, "computing")


def test_the_table_has_everything_with_units() -> None:
    engine = Engine("tiny.safetensors", "cuda:0", "float16", "900 of 8000 MiB (cuda:0)")
    statistics = dataclasses.replace(
        GOOD, rejected=3, reason="too dark", saved=1, refinements=7, remarks=(SidesExchanged(),)
    )
    found = status_of(
        "running", COUNTS, statistics, subscribed={"points2", "disparity"}, advice=(), engine=engine
    )
    values = dict(found.values)
    assert len(values) == len(found.values)
    assert values == {
        "state": "running",
        "input rate left": "30.0 Hz",
        "input rate right": "30.0 Hz",
        "output rate": "10.0 Hz",
        "latency p50": "83.1 ms",
        "latency p95": "120.2 ms",
        "compute p50": "70.0 ms",
        "compute p95": "100.0 ms",
        "stage decode p50": "1.0 ms",
        "stage decode p95": "2.0 ms",
        "stage network p50": "60.0 ms",
        "stage network p95": "90.0 ms",
        "results": "100",
        "refinements": "7",
        "dropped": "198",
        "unsynchronized left": "2",
        "unsynchronized right": "2",
        "rejected": "3",
        "last reason": "too dark",
        "remarks": "left and right image look exchanged: what both show lies farther right in the right one",
        "rejected messages": "0",
        "skipped, no subscriber": "4",
        "skipped, disabled": "0",
        "skipped, rate limit": "0",
        "saved": "1",
        "time jumps": "0",
        "subscribers": "disparity, points2",
        "weights": "tiny.safetensors",
        "device": "cuda:0",
        "precision": "float16",
        "memory": "900 of 8000 MiB (cuda:0)",
    }


def test_keys_stay_when_there_is_nothing_to_tell() -> None:
    empty = status_of(
        "waiting",
        IntakeCounts({side: CameraCounts(names) for side, names in STEREO_CAMERAS.items()}),
        LiveStatistics().snapshot(),
    )
    keys = [key for key, _ in status().values if not key.startswith("stage")]
    assert [key for key, _ in empty.values] == keys
    values = dict(empty.values)
    assert (values["latency p50"], values["output rate"], values["subscribers"]) == (
        "none lately",
        "0.0 Hz",
        "none",
    )
