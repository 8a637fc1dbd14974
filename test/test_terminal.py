# SPDX-License-Identifier: Apache-2.0
import os
import signal

import pytest

from foundation_stereo_ros.terminal import Interrupts


def send(number: int) -> None:
    os.kill(os.getpid(), number)


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_signal_interrupts_and_waits_for_the_end_of_a_shield(number) -> None:
    steps = []
    with Interrupts() as interrupts, pytest.raises(KeyboardInterrupt):
        send(number)
        steps.append("not reached")
    with Interrupts() as interrupts, pytest.raises(KeyboardInterrupt):
        with interrupts.shield():
            with interrupts.shield():
                send(number)
            steps.append("shielded")
        steps.append("not reached")
    assert steps == ["shielded"]


def test_second_signal_does_not_stop_the_finish() -> None:
    with Interrupts() as interrupts:
        with pytest.raises(KeyboardInterrupt):
            send(signal.SIGINT)
        send(signal.SIGINT)
        with interrupts.shield():
            send(signal.SIGTERM)


def test_handlers_are_put_back() -> None:
    before = [signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)]
    with Interrupts():
        assert signal.getsignal(signal.SIGINT) != before[0]
    assert [signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)] == before
