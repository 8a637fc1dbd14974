# SPDX-License-Identifier: Apache-2.0
"""Words like "L1 R1 l1 r1 T": capitals are images, small letters calibrations, T takes, @ begins a lap."""

from __future__ import annotations

import threading
import weakref
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from live_messages import CAMERA, PATIENCE_S, TYPES, header, image, info, wait_until

from foundation_stereo_ros.ros.live.config import StereoLiveConfig
from foundation_stereo_ros.ros.live.counts import IntakeCounts
from foundation_stereo_ros.ros.live.intake import StereoIntake
from foundation_stereo_ros.ros.sync import SIDES, Side
from foundation_stereo_ros.ros.sync.synchronizer import MessageSet

Pair = MessageSet[Any]
Event = tuple[str, Side | None, int, int]  # kind, side, stamp, lap
INFO = info("left", 0)


def small_image(stamp: int, lap: int = 0) -> Any:
    return TYPES.Image(header(stamp, str(lap)), 1, 1, "mono8", 0, 1, np.zeros(1, np.uint8))


def small_info(stamp: int, lap: int = 0) -> Any:
    message = info("left", stamp)
    message.header.frame_id = str(lap)
    return message


def taken(words: str, intake: StereoIntake | None = None, **settings: Any) -> list[str]:
    """Push and take; return each pair as "left right/left_info right_info", a calibration of another lap than
    its image with a star."""
    intake = intake or StereoIntake(StereoLiveConfig(**settings))
    pairs, lap = [], 0
    for word in words.split():
        side: Side = "left" if word[0] in "Ll" else "right"
        if word == "@":
            lap += 1
        elif word == "T":
            pairs.append(described(intake.take(0)))
        elif word[0].isupper():
            intake.push_image(side, small_image(int(word[1:]), lap))
        else:
            intake.push_info(side, small_info(int(word[1:]), lap))
        check(intake.counts())
    return pairs


def described(pair: Pair | None) -> str:
    if pair is None:
        return "nothing"
    (left, right), (left_info, right_info) = parts(pair)
    assert pair.stamp_ns == left.header.stamp.nanosec

    def name(message: Any, image_message: Any) -> str:
        foreign = message.header.frame_id != image_message.header.frame_id
        return f"{message.header.stamp.nanosec}{'*' if foreign else ''}"

    images = f"{left.header.stamp.nanosec} {right.header.stamp.nanosec}"
    return f"{images}/{name(left_info, left)} {name(right_info, right)}"


def parts(pair: Pair) -> tuple[list[Any], list[Any]]:
    return [pair.messages[side] for side in SIDES], [pair.calibrations[side] for side in SIDES]


def check(counts: IntakeCounts) -> None:
    """Every image is in one place."""
    for side in SIDES:
        camera = counts.cameras[side]
        gone = counts.delivered + counts.overtaken + camera.unmatched
        assert camera.images == gone + camera.waiting, side
    assert 0 <= counts.sets - counts.delivered - counts.overtaken <= 2


def test_the_newest_pair_wins_and_each_overtaken_one_is_counted_once() -> None:
    intake = StereoIntake()
    assert taken("l0 r0 L1 R1 L2 R2 L3 R3 T T", intake) == ["3 3/0 0", "nothing"]
    counts = intake.counts()
    assert (counts.sets, counts.delivered, counts.overtaken) == (3, 1, 2)


@pytest.mark.parametrize("order", ["l1 r1 L1 R1", "L1 R1 l1 r1", "r1 R1 L1 l1", "L1 l1 R1 r1"])
def test_a_pair_needs_both_images_and_both_calibrations_in_any_order(order: str) -> None:
    words = order.split()
    for missing in words:
        assert taken(" ".join(w for w in words if w != missing) + " T") == ["nothing"]
    assert taken(order + " T") == ["1 1/1 1"]


def test_calibrations_that_come_per_image_are_waited_for() -> None:
    assert taken("L1 R1 l1 r1 T L2 R2 T l2 T r2 T") == ["1 1/1 1", "nothing", "nothing", "2 2/2 2"]
    assert taken("l1 r1 L1 R1 T l2 r2 T L2 R2 T") == ["1 1/1 1", "nothing", "2 2/2 2"]


def test_calibrations_are_waited_for_until_the_next_pair_at_most() -> None:
    assert taken("L1 R1 l1 r1 T L2 R2 l2 T L3 R3 T") == ["1 1/1 1", "nothing", "2 2/2 1"]


def test_an_own_calibration_that_was_lost_is_not_waited_for_once_a_later_one_is_there() -> None:
    assert taken("L1 R1 l1 r1 T L2 R2 l2 r3 T") == ["1 1/1 1", "2 2/2 1"]


def test_calibrations_that_stop_coming_stop_nothing() -> None:
    words = "L1 R1 l1 r1 T " + " ".join(f"L{n} R{n} T" for n in range(2, 8))
    assert taken(words) == [
        "1 1/1 1",
        "nothing",
        *(f"{n} {n}/1 1" for n in (2, 3)),
        *("5 5/1 1", "6 6/1 1", "7 7/1 1"),
    ]


def test_one_calibration_for_all_is_enough() -> None:
    assert taken("l0 r0 L1 R1 T L2 R2 T") == ["1 1/0 0", "2 2/0 0"]
    assert taken("L1 R1 T L2 R2 T l9 r9 T L10 R10 T") == ["nothing", "nothing", "2 2/9 9", "10 10/9 9"]


def test_calibrations_of_one_a_second_are_followed() -> None:
    assert taken("l0 r0 L1 R1 T l2 r2 L3 R3 T L4 R4 T") == ["1 1/0 0", "3 3/2 2", "4 4/2 2"]


def test_stamps_that_a_driver_never_sets_still_pair() -> None:
    assert taken("l0 r0 L0 R0 T L0 R0 T") == ["0 0/0 0"] * 2


@pytest.mark.parametrize("order", ["L{0} R{0} l{0} r{0}", "l{0} r{0} L{0} R{0}", "l{0} L{0} R{0} r{0}"])
@pytest.mark.parametrize("queue_size", [1, 10])
def test_a_loop_goes_on_with_the_calibrations_of_its_own_lap(order: str, queue_size: int) -> None:
    lap = " ".join(order.format(n) + " T" for n in (5, 6, 7))
    pairs = [p for p in taken(" @ ".join([lap] * 3), queue_size=queue_size) if p != "nothing"]
    assert pairs == ["5 5/5 5", "6 6/6 6", "7 7/7 7"] * 3


@pytest.mark.parametrize("queue_size", [1, 3])
def test_an_image_left_over_from_before_the_loop_does_not_stall_the_pairing(queue_size: int) -> None:
    intake = StereoIntake(StereoLiveConfig(queue_size=queue_size))
    pairs = taken("l0 r0 L1 R1 T L2 R2 T R3 @ l0 r0 L1 R1 T L2 R2 T", intake)
    assert pairs == ["1 1/0 0", "2 2/0 0"] * 2
    counts = intake.counts()
    assert (counts.time_jumps, counts.cameras["right"].unmatched, counts.cameras["left"].unmatched) == (
        1,
        1,
        0,
    )


def test_a_loop_keeps_a_calibration_that_came_once_for_all() -> None:
    assert taken("l0 r0 L5 R5 T @ L1 R1 T L2 R2 T") == ["5 5/0 0", "1 1/0* 0*", "2 2/0* 0*"]


def test_calibrations_that_loop_before_their_images_do_not_serve_the_old_ones() -> None:
    """Small messages arrive sooner than large ones."""
    words = "l5 r5 L5 R5 T l6 r6 L6 R6 T l7 r7 l8 r8 @ l1 r1 l2 r2"
    intake = StereoIntake()
    assert taken(words, intake) == ["5 5/5 5", "6 6/6 6"]
    for stamp in (7, 8):  # still of the first lap
        intake.push_image("left", small_image(stamp, 0))
        intake.push_image("right", small_image(stamp, 0))
    assert described(intake.take(0)) == "8 8/8 8"
    for stamp in (1, 2):
        intake.push_image("left", small_image(stamp, 1))
        intake.push_image("right", small_image(stamp, 1))
        assert described(intake.take(0)) == f"{stamp} {stamp}/{stamp} {stamp}"
    check(intake.counts())


def test_a_pair_without_its_calibrations_does_not_get_those_of_the_next_lap() -> None:
    words = "l5 r5 L5 R5 T L6 R6 l6 r6 T L7 R7 l7 @ l1 r1 T L1 R1 T"
    assert taken(words) == ["5 5/5 5", "6 6/6 6", "7 7/7 6", "1 1/1 1"]
    assert taken("l5 r5 L5 R5 T L7 R7 @ L1 R0 l0 r0 R1 T T") == ["5 5/5 5", "7 7/5 5", "nothing"]


def test_a_jump_and_a_changed_calibration_are_told_with_the_next_pair() -> None:
    intake = StereoIntake()
    resets = []
    for words in ("l5 r5 L5 R5", "l6 r6 L6 R6", "l1 r1 L1 R1", "l2 r2 L2 R2"):
        taken(words, intake)
        resets.append(intake.take(0).reset)  # type: ignore[union-attr]
    for stamp in (3, 4):
        intake.push_info("left", info("left", stamp, camera=CAMERA.scaled(30, 20)))
        taken(f"r{stamp} L{stamp} R{stamp}", intake)
        resets.append(intake.take(0).reset)  # type: ignore[union-attr]
    assert resets == ["", "", "time went back", "", "calibration changed", ""]


def test_a_jump_while_closed_is_told_too() -> None:
    intake = StereoIntake()
    assert taken("l0 r0 L5 R5 T", intake) == ["5 5/0 0"]
    intake.close()
    intake.open()
    taken("L1 R1", intake)
    assert intake.take(0).reset == "time went back"  # type: ignore[union-attr]
    assert intake.counts().time_jumps == 1


@given(st.data())
def test_a_calibration_that_changes_is_followed_from_the_first_pair_on(data: st.DataObject) -> None:
    """Calibrations with every image, before or after it: each pair has those of its own stamp."""
    words = []
    for stamp in range(1, 9):
        words += data.draw(st.permutations([f"{name}{stamp}" for name in "LRlr"]))
        words += data.draw(st.sampled_from([[], ["T"]]))
    pairs = [pair for pair in taken(" ".join(words)) if pair != "nothing"]
    assert all(pair in [f"{n} {n}/{n} {n}" for n in range(1, 9)] for pair in pairs)
    assert len(pairs) == words.count("T")


@st.composite
def arrivals(draw: st.DrawFn) -> list[Event]:
    """Two cameras with losses, lags, loops and calibrations of any habit; a worker that comes at times."""
    laps = draw(st.integers(1, 3))
    streams: list[list[Event]] = [[("take", None, 0, 0)] * draw(st.integers(0, 20))]
    habit = draw(st.sampled_from(["each", "rare", "once"]))
    for side in SIDES:
        for kind in ("image", "info"):
            stream: list[Event] = []
            for lap in range(laps):
                stamps = draw(st.lists(st.integers(0, 40), max_size=10, unique=True).map(sorted))
                if kind == "info" and habit != "each":
                    stamps = stamps[:2] if habit == "rare" else [0] * (lap == 0)
                stream += [(kind, side, stamp, lap) for stamp in stamps]
            streams.append(stream)
    turns = draw(st.permutations([n for n, stream in enumerate(streams) for _ in stream]))
    iterators = [iter(stream) for stream in streams]
    return [next(iterators[n]) for n in turns]


@given(arrivals(), st.sampled_from([0, 3, 10]), st.integers(1, 4))
def test_whatever_arrives_pairs_match_and_ascend_and_every_image_is_counted(
    events: list[Event], tolerance: int, queue_size: int
) -> None:
    config = StereoLiveConfig(approximate_sync=tolerance > 0, slop=tolerance / 1e9, queue_size=queue_size)
    intake = StereoIntake(config)
    laps = {number: lap for number, (_, _, _, lap) in enumerate(events)}
    last, taken_ns = (-1, -1), -1
    for number, (kind, side, stamp, _) in enumerate(events):
        if side is None:
            pair = intake.take(0)
            if pair is not None:
                (left, right), infos = parts(pair)
                assert abs(left.header.stamp.nanosec - right.header.stamp.nanosec) <= tolerance
                # The order of arrival: nothing is older than what was taken before.
                order = int(left.header.frame_id), int(right.header.frame_id)
                assert order[0] > last[0]
                assert order[1] > last[1]
                if laps[order[0]] == laps.get(last[0]):
                    assert pair.stamp_ns > taken_ns
                last, taken_ns = order, pair.stamp_ns
                assert None not in infos
        elif kind == "image":
            intake.push_image(side, small_image(stamp, number))
        else:
            intake.push_info(side, INFO if stamp == 0 else small_info(stamp, number))
        check(intake.counts())


def test_reconfiguring_counts_at_once_and_loses_no_counter() -> None:
    intake = StereoIntake()
    assert taken("l0 r0 L1 R1 T L10 R12 T", intake) == ["1 1/0 0", "nothing"]
    intake.reconfigure(StereoLiveConfig(approximate_sync=True, slop=5e-9))
    assert taken("L20 R22 T", intake) == ["20 22/0 0"]
    intake.reconfigure(StereoLiveConfig(queue_size=1))
    assert taken("L30 L31 R30 T R31 T", intake) == ["nothing", "31 31/0 0"]
    counts = intake.counts()
    assert (counts.cameras["left"].images, counts.sets, counts.cameras["left"].unmatched) == (5, 3, 2)
    check(counts)


def test_a_queue_made_shorter_is_short_at_once() -> None:
    intake = StereoIntake()
    taken("L1 L2 L3 L4", intake)
    intake.reconfigure(StereoLiveConfig(queue_size=1))
    taken("L5 L6", intake)
    assert intake.counts().cameras["left"].waiting == 1
    check(intake.counts())


def test_reconfiguring_what_does_not_concern_it_drops_nothing() -> None:
    intake = StereoIntake()
    taken("l0 r0 L1", intake)
    intake.reconfigure(StereoLiveConfig(publish_rate_limit=5, slop=0.5))
    assert taken("R1 T", intake) == ["1 1/0 0"]


def test_the_nearest_stamps_are_those_since_the_last_pair() -> None:
    intake = StereoIntake()
    taken("L100 R130", intake)
    assert intake.counts().nearest_ns == 30
    taken("L120", intake)
    assert intake.counts().nearest_ns == 10
    taken("L130", intake)
    assert intake.counts().nearest_ns is None


@pytest.mark.parametrize(
    "message",
    [None, "picture", SimpleNamespace(data=b""), SimpleNamespace(data=b"", header=None)],
)
def test_what_is_no_message_is_rejected_with_its_reason(message: Any) -> None:
    intake = StereoIntake()
    intake.push_image("left", message)
    intake.push_info("right", message)
    intake.push_image(
        "left", SimpleNamespace(data=b"", header=SimpleNamespace(stamp=SimpleNamespace(sec=None)))
    )
    counts = intake.counts()
    assert (counts.rejected, counts.cameras["left"].images, counts.cameras["right"].infos) == (3, 0, 0)
    assert "left/image_rect is a SimpleNamespace" in counts.reason
    assert taken("l1 r1 L1 R1 T", intake) == ["1 1/1 1"]


def test_an_image_is_no_calibration() -> None:
    intake = StereoIntake()
    intake.push_info("left", small_image(1))
    intake.push_image("left", small_info(1))
    assert intake.counts().rejected == 2


def test_closed_it_keeps_no_image_but_the_calibrations() -> None:
    intake = StereoIntake()
    taken("l0 r0 L1 R1 L2", intake)
    intake.close()
    check(intake.counts())
    assert taken("L3 R3 T l4 r4", intake) == ["nothing"]
    intake.open()
    assert taken("R2 T L5 R5 T", intake) == ["nothing", "5 5/4 4"]
    assert intake.counts().cameras["left"].images == 3


def test_take_waits_for_pairs_of_another_thread_and_closing_wakes_it() -> None:
    intake = StereoIntake()
    pairs: list[Pair | None] = []

    def take() -> None:
        while not pairs or pairs[-1] is not None:
            pairs.append(intake.take(10 * PATIENCE_S))

    thread = threading.Thread(target=take, daemon=True)
    thread.start()
    taken("l0 r0", intake)
    for count in range(1, 20):
        taken(f"L{count} R{count}", intake)
        wait_until(f"pair {count}", lambda count=count: len(pairs) == count)  # type: ignore[misc]
    intake.close()
    thread.join(PATIENCE_S)
    assert not thread.is_alive()
    assert [pair.stamp_ns if pair else None for pair in pairs] == [*range(1, 20), None]


def test_nothing_of_an_old_pair_is_kept() -> None:
    intake = StereoIntake()
    taken("l0 r0", intake)
    left, right = image("left", 1), image("right", 1)
    kept = [weakref.ref(left), weakref.ref(right)]
    intake.push_image("left", left)
    intake.push_image("right", right)
    del left, right
    assert intake.take(0) is not None
    assert [reference() for reference in kept] == [None, None]


def test_the_size_is_that_of_the_newest_left_message() -> None:
    intake = StereoIntake()
    assert intake.image_size() is None
    intake.push_image("right", image("right", 1))
    assert intake.image_size() is None
    intake.push_info("left", info("left", 1, camera=CAMERA.scaled(30, 20)))
    assert intake.image_size() == (30, 20)
    intake.push_image("left", image("left", 1))
    assert intake.image_size() == (60, 40)


def test_a_latched_calibration_counts_where_it_is_news() -> None:
    """It may come before or after those of the other subscription, and is no jump of time."""
    intake = StereoIntake()
    intake.push_info("left", info("left", 5), latched=True)
    intake.push_info("left", info("left", 5), latched=True)
    assert intake.counts().cameras["left"].infos == 1
    intake.push_info("left", info("left", 10))
    intake.push_info("left", info("left", 7), latched=True)
    intake.push_info("left", info("left", 10), latched=True)
    assert intake.counts().cameras["left"].infos == 2
    intake.push_info("left", info("left", 11), latched=True)
    assert intake.counts().cameras["left"].infos == 3
    intake.push_info("left", info("left", 1))
    assert intake.counts().cameras["left"].infos == 4
