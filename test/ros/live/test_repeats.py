# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

from foundation_stereo_ros.ros.live.repeats import Repeats


class Clock:
    now = 0.0

    def __call__(self) -> float:
        return self.now


def test_a_sentence_is_due_once_and_then_after_a_while_with_its_count() -> None:
    clock = Clock()
    repeats = Repeats(period=30, clock=clock)
    assert [repeats.due("late") for _ in range(4)] == [1, 0, 0, 0]
    clock.now = 29
    assert repeats.due("late") == 0
    clock.now = 30
    assert repeats.due("late") == 5
    assert repeats.due("late") == 0
    clock.now = 60
    assert repeats.due("late") == 2


def test_numbers_do_not_make_a_new_sentence() -> None:
    repeats = Repeats()
    assert [repeats.due(f"{n} MiB free") for n in range(3)] == [1, 0, 0]
    assert repeats.due("other") == 1


def test_memory_is_bounded() -> None:
    repeats = Repeats(capacity=10)
    for n in range(1000):
        assert repeats.due("x" * n) == 1
    assert repeats.due("x" * 999) == 0
    assert repeats.due("x" * 5) == 1


def test_after_forgetting_everything_is_new() -> None:
    repeats = Repeats()
    repeats.due("late")
    repeats.forget()
    assert repeats.due("late") == 1


def test_the_count_is_said_where_there_is_one() -> None:
    now = [0.0]
    repeats = Repeats(period=10.0, clock=lambda: now[0])
    assert [repeats.line("late") for _ in range(5)] == ["late", "", "", "", ""]
    now[0] = 11.0
    assert repeats.line("late") == "late (5 times since the last such message)"
    assert repeats.line("2 pixels are odd", key="late") == "", "the same as far as the key says"
