# SPDX-License-Identifier: Apache-2.0
from hypothesis import given
from hypothesis import strategies as st

from foundation_stereo_ros.ros.sync.calibrations import CalibrationHistory


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


def test_empty_at_first_and_after_clear() -> None:
    history = filled(1, 2)
    history.clear()
    for empty in (history, filled()):
        assert empty.best(5) is None and not empty.settled(5) and not empty.has(1)


@given(st.lists(st.integers(0, 20), min_size=1, max_size=12), st.integers(0, 20))
def test_best_is_nearest_from_before_if_any(stamps: list[int], stamp: int) -> None:
    chosen = int(filled(*stamps).best(stamp).split("#")[0])
    before = [known for known in stamps if known <= stamp]
    assert chosen == (max(before) if before else min(stamps))
