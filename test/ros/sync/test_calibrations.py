# SPDX-License-Identifier: Apache-2.0
from hypothesis import given
from hypothesis import strategies as st

from foundation_stereo_ros.ros.sync.calibrations import CalibrationHistory, CameraCalibrations


def filled(*stamps: int, length: int = 64) -> CalibrationHistory[str]:
    history: CalibrationHistory[str] = CalibrationHistory(length)
    for number, stamp in enumerate(stamps):
        history.push(stamp, f"{stamp}#{number}")
    return history


def test_the_own_then_the_newest_before_then_the_first_after() -> None:
    history = filled(1, 4, 6, 9, length=3)
    assert [history.best(stamp) for stamp in (6, 8, 100, 2)] == ["6#2", "6#2", "9#3", "4#1"]


def test_settled_when_no_later_one_can_be_better() -> None:
    history = filled(1, 4, 9)
    assert history.settled(8) and history.settled(9) and not history.settled(10)
    assert history.has(4) and not history.has(5)


def test_of_equal_stamps_the_later_one_counts() -> None:
    assert filled(0, 0, 0).best(50) == "0#2"


def test_empty_at_first() -> None:
    empty = filled()
    assert empty.best(5) is None and not empty.settled(5) and not empty.has(1) and empty.newest is None


def camera(words: str) -> CameraCalibrations[str]:
    """Feed "L1 l1" (a capital is an image, a small letter a calibration; @ begins a lap)."""
    calibrations: CameraCalibrations[str] = CameraCalibrations()
    lap, latest = 0, -1
    for word in words.split():
        if word == "@":
            lap += 1
        elif word[0] == "L":
            stamp = int(word[1:])
            calibrations.note_image(stamp, jumped=stamp < latest)
            latest = stamp
        else:
            calibrations.push(int(word[1:]), f"{word[1:]}#{lap}")
    return calibrations


def test_the_first_image_waits_for_any_calibration() -> None:
    calibrations = camera("L1")
    assert calibrations.expected and not calibrations.settled(1) and calibrations.choose(1) is None
    calibrations.push(0, "0")
    assert not calibrations.expected and calibrations.choose(1) == "0"


def test_own_calibrations_are_expected_until_a_few_images_had_none() -> None:
    calibrations = camera("L1 l1")
    for stamp in (2, 3, 4):
        assert calibrations.expected and not calibrations.settled(stamp)
        assert calibrations.choose(stamp) == "1#0"
    assert not calibrations.expected


def test_own_calibrations_may_come_after_the_next_image() -> None:
    assert camera("l0 L1 L2 l1").expected
    assert not camera("l0 L1 L2").expected


def test_images_that_jump_first_wait_for_calibrations_of_their_lap() -> None:
    calibrations = camera("L1 l1 L2 l2 @ L1")
    assert calibrations.expected and not calibrations.settled(1)
    calibrations.push(1, "1#1")
    assert calibrations.settled(1) and calibrations.choose(1) == "1#1"


def test_a_lap_without_calibrations_falls_back_on_the_last_one() -> None:
    assert camera("L1 l1 L2 l2 @ L1").choose(1) == "2#0"
    assert camera("l0 L5 @ L1").choose(1) == "0#0"


def test_rare_calibrations_that_follow_a_jump_of_the_images_count_at_once() -> None:
    assert camera("l3 L5 @ L1 l2").choose(4) == "2#1"


def test_images_behind_their_calibrations_take_those_of_their_own_lap() -> None:
    calibrations = camera("l1 L1 l2 L2 l3 l4 @ l1 l2 L3")
    assert calibrations.settled(3) and calibrations.choose(3) == "3#0"
    assert calibrations.settled(4) and calibrations.choose(4) == "4#0"
    calibrations.note_image(1, jumped=True)
    assert calibrations.settled(1) and calibrations.choose(1) == "1#1"


def test_calibrations_that_jump_alone_count_after_a_while() -> None:
    calibrations = camera("l4 L4 l5 L5 @ l1")
    assert [calibrations.choose(stamp) for stamp in range(6, 11)] == ["5#0"] * 4 + ["1#1"]


@given(st.lists(st.integers(0, 20), min_size=1, max_size=12), st.integers(0, 20))
def test_best_is_nearest_from_before_if_any(stamps: list[int], stamp: int) -> None:
    chosen = int(filled(*stamps).best(stamp).split("#")[0])
    before = [known for known in stamps if known <= stamp]
    assert chosen == (max(before) if before else min(stamps))
