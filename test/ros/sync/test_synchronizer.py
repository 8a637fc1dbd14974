# SPDX-License-Identifier: Apache-2.0
"""Words like "L1 R1 l1 r1": capitals are images, small letters calibrations; @ begins a lap."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise
from typing import Any, NamedTuple

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from foundation_stereo_ros.ros.sync import SIDES
from foundation_stereo_ros.ros.sync.newest import NewestPlace
from foundation_stereo_ros.ros.sync.synchronizer import MessageSet, Policy, Synchronizer

POLICIES: tuple[Policy, Policy] = ("every", "newest")
PATIENCE: dict[Policy, int] = {"every": 4, "newest": 1}


class Message(NamedTuple):
    """One that is like no other."""

    number: int
    stream: str
    stamp: int
    lap: int
    numbers: int = 0


class Event(NamedTuple):
    kind: str
    message: Message


def synchronizer(streams: Sequence[str] = SIDES, **options: Any) -> Synchronizer[Message]:
    return Synchronizer(streams, numbers=lambda message: message.numbers, **options)


def push(synchronizer: Synchronizer[Message], event: Event) -> list[MessageSet[Message]]:
    method = synchronizer.push if event.kind == "image" else synchronizer.push_calibration
    return method(event.message.stream, event.message.stamp, event.message)


def events_of(words: str) -> list[Event]:
    events, lap = [], 0
    for number, word in enumerate(words.split()):
        if word == "@":
            lap += 1
            continue
        stream = "left" if word[0] in "Ll" else "right"
        stamp, _, numbers = word[1:].partition("=")
        message = Message(number, stream, int(stamp), lap, int(numbers or 0))
        events.append(Event("image" if word[0].isupper() else "info", message))
    return events


def sets_of(words: str, **options: Any) -> list[MessageSet[Message]]:
    synchronized = synchronizer(**options)
    sets = [complete for event in events_of(words) for complete in push(synchronized, event)]
    return sets + synchronized.finish()


def assembled(words: str, **options: Any) -> list[tuple[int, int | None]]:
    """Return each set's stamp and that of its left calibration."""
    sets = sets_of(words, **options)
    return [(s.stamp_ns, s.calibrations["left"].stamp if "left" in s.calibrations else None) for s in sets]


def test_calibration_before_and_after_its_image() -> None:
    assert assembled("l1 r1 L1 R1 l2 r2 L2 R2") == [(1, 1), (2, 2)]
    assert assembled("L1 R1 l1 r1 L2 R2 l2 r2") == [(1, 1), (2, 2)]
    assert assembled("L1 R1 L2 R2 l1 r1 l2 r2") == [(1, 1), (2, 2)]


def test_a_set_comes_as_soon_as_its_calibrations_are_there() -> None:
    synchronized = synchronizer()
    assert [len(push(synchronized, event)) for event in events_of("L1 R1 l1 r1")] == [0, 0, 0, 1]


def test_one_calibration_for_all() -> None:
    assert assembled("l0 r0 L1 R1 L2 R2 L3 R3") == [(1, 0), (2, 0), (3, 0)]
    assert assembled("L1 R1 L2 R2 l9 r9 L3 R3") == [(1, 9), (2, 9), (3, 9)]


@pytest.mark.parametrize("policy", POLICIES)
def test_waiting_sets_are_bounded(policy: Policy) -> None:
    synchronized, patience = synchronizer(policy=policy), PATIENCE[policy]
    delivered: list[MessageSet[Message]] = []
    for stamp in range(1, 9):
        delivered += [s for event in events_of(f"L{stamp} R{stamp}") for s in push(synchronized, event)]
        assert stamp - len(delivered) == min(stamp, patience)
        assert synchronized.waiting == dict.fromkeys(SIDES, min(stamp, patience))
    assert [complete.stamp_ns for complete in delivered] == list(range(1, 9 - patience))


def test_without_any_calibration_a_set_says_so() -> None:
    assert [s.missing for s in sets_of("L1 R1")] == [("left", "right")]
    assert [s.missing for s in sets_of("r0 L1 R1")] == [("left",)]
    assert [s.missing for s in sets_of("l0 r0 L1 R1")] == [()]


def test_every_nth_set() -> None:
    words = " ".join(f"L{n} R{n} l{n} r{n}" for n in range(1, 8))
    assert [stamp for stamp, _ in assembled(words, step=3)] == [1, 4, 7]


def test_tolerance_and_unmatched() -> None:
    synchronized = synchronizer(tolerance_ns=2)
    for event in events_of("L10 R11 L20 R25"):
        push(synchronized, event)
    assert synchronized.nearest_ns == 5
    (complete,) = synchronized.finish()
    assert [complete.messages[side].stamp for side in SIDES] == [10, 11]
    assert synchronized.unmatched == {"left": 1, "right": 1}


def test_the_nearest_stamps_are_those_of_all_since_the_last_set() -> None:
    synchronized = synchronizer()
    nearest = []
    for event in events_of("L100 L150 R180 R190 L170 L190 R191"):
        push(synchronized, event)
        nearest.append(synchronized.nearest_ns)
    assert nearest == [None, None, 30, 30, 10, None, 1]
    assert synchronized.received == {"left": 4, "right": 3}
    assert [synchronized.step_ns(side) for side in SIDES] == [20, 1]


def test_each_side_takes_the_calibration_of_its_own_stamp() -> None:
    (complete,) = sets_of("l10 L10 r12 R12", tolerance_ns=5)
    assert {side: complete.calibrations[side].stamp for side in SIDES} == {"left": 10, "right": 12}


@pytest.mark.parametrize("policy", POLICIES)
def test_what_waits_when_time_goes_back_comes_out_first_with_what_there_is(policy: Policy) -> None:
    sets = sets_of("l1 r1 L1 R1 L2 R2 @ L1 R1 l1 r1", policy=policy)
    assert [s.stamp_ns for s in sets] == [1, 2, 1]
    assert [s.calibrations["left"][2:4] for s in sets] == [(1, 0), (1, 0), (1, 1)]
    assert [s.reset for s in sets] == ["", "", "time went back"]


def test_a_jump_between_sets_that_nobody_gets_is_still_reported() -> None:
    lap = " ".join(f"L{n} R{n}" for n in range(1, 5))
    sets = sets_of(f"l0 r0 {lap} @ {lap} @ {lap}", step=3)
    assert [(s.stamp_ns, s.messages["left"].lap, s.reset) for s in sets] == [
        (1, 0, ""),
        (4, 0, ""),
        (3, 1, "time went back"),
        (2, 2, "time went back"),
    ]


def test_a_hiccup_of_one_stream_is_a_jump() -> None:
    sets = sets_of("l0 r0 L1 R1 L5 L4 R5 L6 R6 L7 R7 R6 L8 R8 L9 R9")
    assert [(s.stamp_ns, s.reset) for s in sets] == [
        (1, ""),
        (6, "time went back"),
        (7, ""),
        (8, "time went back"),
        (9, ""),
    ]


def test_a_changed_calibration_is_reported_once() -> None:
    words = "l1 r1 L1 R1 l2 r2 L2 R2 l3=7 r3 L3 R3 l4=7 r4 L4 R4 l5=7 r5=1 L5 R5 l6=7 r6=1 L6 R6"
    assert [s.reset for s in sets_of(words)] == ["", "", "calibration changed", "", "calibration changed", ""]


def test_what_is_dropped_is_counted_and_calibrations_stay() -> None:
    synchronized = synchronizer()
    for event in events_of("L1 R1 L2"):
        push(synchronized, event)
    synchronized.drop()
    assert (synchronized.dropped, synchronized.unmatched) == (1, {"left": 1, "right": 0})
    assert [s.stamp_ns for event in events_of("l3 r3 R2 L3 R3") for s in push(synchronized, event)] == [3]


def test_a_stream_may_have_no_calibration() -> None:
    synchronized = synchronizer(["image", "pose"], calibrated=["image"])
    assert synchronized.push("pose", 5, Message(0, "pose", 5, 0)) == []
    assert synchronized.push_calibration("image", 5, Message(1, "image", 5, 0)) == []
    (complete,) = synchronized.push("image", 5, Message(2, "image", 5, 0))
    assert set(complete.messages) == {"image", "pose"}
    assert set(complete.calibrations) == {"image"}


def test_only_the_newest_set_keeps_its_place_and_takes_the_reset_over() -> None:
    place: NewestPlace[Message] = NewestPlace()
    sets = sets_of("l0 r0 L5 R5 @ L1 R1 L2 R2")
    place.put(sets[:1])
    assert place.take() is not None
    place.put(sets[1:])
    taken = place.take()
    assert taken is not None
    assert (taken.stamp_ns, taken.reset) == (2, "time went back")
    assert place.take() is None
    assert (place.delivered, place.overtaken) == (2, 1)


def test_a_set_without_calibrations_gets_no_place_but_its_reset_does() -> None:
    place: NewestPlace[Message] = NewestPlace()
    first, second = sets_of("l0 r0 L1 R1 L2 R2")
    place.put([first, MessageSet(9, {}, {}, ("left",), "time went back")])
    taken = place.take()
    assert taken is not None
    assert (taken.stamp_ns, taken.reset) == (1, "")
    place.put([second])
    taken = place.take()
    assert taken is not None
    assert (taken.stamp_ns, taken.reset, place.overtaken) == (2, "time went back", 1)


@st.composite
def arrivals(draw: st.DrawFn, streams: Sequence[str] = SIDES) -> list[Event]:
    """Streams with losses, lags, loops and hiccups, and calibrations of any habit."""
    laps = draw(st.integers(1, 3))
    habit = draw(st.sampled_from(["each", "rare", "once"]))
    lists: list[list[tuple[str, str, int, int]]] = []
    for stream in streams:
        for kind in ("image", "info"):
            own = []
            for lap in range(laps):
                stamps = draw(st.lists(st.integers(0, 40), max_size=10, unique=True).map(sorted))
                if kind == "info" and habit != "each":
                    stamps = stamps[:2] if habit == "rare" else [0] * (lap == 0)
                own += [(kind, stream, stamp, lap) for stamp in stamps]
            lists.append(own)
    turns = draw(st.permutations([n for n, own in enumerate(lists) for _ in own]))
    following = [iter(own) for own in lists]
    drawn = [next(following[n]) for n in turns]
    return [Event(kind, Message(number, *rest)) for number, (kind, *rest) in enumerate(drawn)]


@settings(deadline=None)
@given(st.data(), st.sampled_from(POLICIES), st.sampled_from([0, 3, 10]), st.integers(1, 4))
def test_whatever_arrives_is_used_once_in_order_and_all_of_it_is_accounted_for(
    data: st.DataObject, policy: Policy, tolerance: int, queue_size: int
) -> None:
    streams = data.draw(st.sampled_from([SIDES, ("image", "pose", "range"), ("image",)]))
    events = data.draw(arrivals(streams))
    synchronized = synchronizer(streams, policy=policy, tolerance_ns=tolerance, queue_size=queue_size)
    came: set[Message] = set()
    sets: list[MessageSet[Message]] = []
    for event in [*events, None]:
        new = synchronized.finish() if event is None else push(synchronized, event)
        came |= {event.message} if event else set()
        for complete in new:
            assert set(complete.messages) == set(streams)
            parts = [*complete.messages.items(), *complete.calibrations.items()]
            assert all(message in came and message.stream == stream for stream, message in parts)
            stamps = [complete.messages[stream].stamp for stream in streams]
            assert stamps[0] == complete.stamp_ns
            assert all(abs(stamp - stamps[0]) <= tolerance for stamp in stamps)
            if sets and complete.reset != "time went back":
                # Equal, where a driver never sets them.
                assert all(complete.messages[s].stamp >= sets[-1].messages[s].stamp for s in streams)
            if sets:
                assert all(complete.messages[s].number > sets[-1].messages[s].number for s in streams)
            sets.append(complete)
        for stream in streams:
            waiting = synchronized.waiting[stream]
            assert waiting <= queue_size + PATIENCE[policy]
            gone = len(sets) + synchronized.unmatched[stream]
            assert synchronized.received[stream] == gone + waiting
    assert synchronized.sets == len(sets)
    assert sum(complete.reset == "time went back" for complete in sets) <= synchronized.time_jumps


@settings(deadline=None)
@given(st.data(), st.sampled_from(POLICIES), st.sampled_from([0, 4]), st.integers(0, 3), st.integers(1, 4))
def test_each_jump_of_a_looped_recording_is_one_reset(
    data: st.DataObject, policy: Policy, tolerance: int, lag: int, laps: int
) -> None:
    """One stream lags, so at each loop one is in the new lap, the other still in the old one."""
    late = data.draw(st.sampled_from(SIDES))
    early = SIDES[SIDES.index(late) - 1]
    stamps = [(10 * n, lap) for lap in range(laps) for n in range(8)]
    events = [Event("info", Message(number, side, 0, 0)) for number, side in enumerate(SIDES)]
    for n in range(len(stamps) + lag):
        for side, index in ((early, n), (late, n - lag)):
            if 0 <= index < len(stamps):
                events.append(Event("image", Message(len(events), side, *stamps[index])))
    synchronized = synchronizer(policy=policy, tolerance_ns=tolerance)
    sets = [complete for event in events for complete in push(synchronized, event)] + synchronized.finish()
    assert len(sets) == len(stamps) - lag * (laps - 1)
    for before, after in pairwise(sets):
        new_lap = after.messages["left"].lap > before.messages["left"].lap
        assert after.reset == ("time went back" if new_lap else "")
    assert sets[0].reset == ""


@settings(deadline=None)
@given(arrivals(), st.sampled_from([0, 3, 10]), st.integers(1, 4))
def test_a_newest_consumer_that_is_always_ready_gets_the_pairs_of_a_recording(
    events: list[Event], tolerance: int, queue_size: int
) -> None:
    def described(policy: Policy) -> list[tuple[Any, ...]]:
        limits = {"tolerance_ns": tolerance, "queue_size": queue_size}
        synchronized = synchronizer(policy=policy, **limits)
        sets = [complete for event in events for complete in push(synchronized, event)]
        return [(s.messages, s.reset) for s in sets + synchronized.finish()]

    assert described("newest") == described("every")


@st.composite
def tidy(draw: st.DrawFn) -> list[Event]:
    """Laps of pairs, each with its calibrations around it, which change at times; or one for all."""
    events, numbers = [], 0
    once = draw(st.booleans())
    for side in SIDES if once else ():
        events.append(("info", side, 0, 0, 0))
    for lap in range(draw(st.integers(1, 3))):
        for stamp in draw(st.lists(st.integers(1, 40), min_size=1, max_size=6, unique=True).map(sorted)):
            numbers += not once and draw(st.integers(0, 5)) == 0
            kinds = ("image",) if once else ("image", "info")
            group = [(kind, side, stamp, lap, numbers) for kind in kinds for side in SIDES]
            events += draw(st.permutations(group))
    return [Event(kind, Message(number, *rest)) for number, (kind, *rest) in enumerate(events)]


@settings(deadline=None)
@given(tidy())
def test_through_its_place_too_with_the_same_calibrations_and_resets(events: list[Event]) -> None:
    recorded, live = synchronizer(policy="every"), synchronizer(policy="newest")
    place: NewestPlace[Message] = NewestPlace()
    expected, taken = [], []
    for event in events:
        expected += push(recorded, event)
        place.put(push(live, event))
        taken += [place.take()] if len(place) else []
    expected += recorded.finish()
    place.put(live.finish())
    taken += [place.take()] if len(place) else []
    assert [vars(s) for s in taken if s] == [vars(s) for s in expected]
    images = [event.message for event in events if event.kind == "image"]
    stamps = [message.stamp for message in images if message.stream == "left"]
    if not any(after < before for before, after in pairwise(stamps)):
        assert [s.stamp_ns for s in expected] == stamps


@settings(deadline=None)
@given(arrivals(), st.lists(st.booleans(), min_size=10), st.sampled_from([0, 3]))
def test_the_newest_matched_pair_is_what_remains_at_last(
    events: list[Event], takes: list[bool], tolerance: int
) -> None:
    first = [Event("info", Message(-number, side, 0, 0)) for number, side in enumerate(SIDES, 1)]
    recorded, live = (synchronizer(tolerance_ns=tolerance, policy=policy) for policy in POLICIES)
    place: NewestPlace[Message] = NewestPlace()
    sets, taken = [], []
    for number, event in enumerate([*first, *events]):
        sets += push(recorded, event)
        place.put(push(live, event))
        if takes[number % len(takes)]:
            taken.append(place.take())
    sets += recorded.finish()
    place.put(live.finish())
    taken = [complete for complete in [*taken, place.take()] if complete is not None]
    assert place.delivered + place.overtaken == live.sets == len(sets)
    if sets:
        assert taken[-1].messages == sets[-1].messages
    # A jump between two of those that were taken is told with the second.
    laps, lap = {}, 0
    for complete in sets:
        lap += complete.reset == "time went back"
        laps[complete.messages["left"]] = lap
    for before, after in pairwise(taken):
        jumped = laps[after.messages["left"]] > laps[before.messages["left"]]
        assert (after.reset == "time went back") == jumped


@settings(deadline=None)
@given(st.data(), st.integers(0, 3))
def test_a_recording_loses_nothing_that_could_be_matched(data: st.DataObject, late: int) -> None:
    """Calibrations come up to three pairs late, and each pair gets those of its own stamps."""
    drawn = st.lists(st.integers(1, 30), max_size=15, unique=True).map(sorted)
    stamps = {side: data.draw(drawn) for side in SIDES}
    common = sorted(set(stamps["left"]) & set(stamps["right"]))
    times = []
    for side in SIDES:
        for stamp in stamps[side]:
            times.append((stamp, Event("image", Message(len(times), side, stamp, 0))))
            if stamp in common:
                behind = common.index(stamp) + late
                due = common[behind] if behind < len(common) else 100
                times.append((due + 0.5, Event("info", Message(len(times), side, stamp, 0))))
    synchronized = synchronizer()
    events = [event for _, event in sorted(times, key=lambda timed: timed[0])]
    sets = [complete for event in events for complete in push(synchronized, event)] + synchronized.finish()
    assert [complete.stamp_ns for complete in sets] == common
    for complete in sets:
        assert {calibration.stamp for calibration in complete.calibrations.values()} == {complete.stamp_ns}
