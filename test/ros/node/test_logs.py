# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import logging
from collections.abc import Iterator

import pytest

from foundation_stereo_ros.ros.node.logs import bridge_logs, unbridge_logs


class Recorder:
    """Notes what a logger of rclpy would be told."""

    def __init__(self) -> None:
        self.lines: list[tuple[str, str]] = []

    def __getattr__(self, severity: str):
        return lambda text: self.lines.append((severity, text))


@pytest.fixture
def recorder() -> Iterator[Recorder]:
    made = Recorder()
    usual = logging.getLoggerClass()
    logging.setLoggerClass(logging.Logger)  # once launch is imported, others keep their records to themselves
    handler = bridge_logs(made)
    yield made
    unbridge_logs(handler)
    logging.setLoggerClass(usual)


def test_severities(recorder: Recorder) -> None:
    log = logging.getLogger("foundation_stereo_ros.any_module")
    for level in (logging.DEBUG, logging.INFO, logging.WARNING, logging.ERROR, logging.CRITICAL):
        log.log(level, "%d %%", level)
    assert recorder.lines == [
        ("debug", "10 %"),
        ("info", "20 %"),
        ("warning", "30 %"),
        ("error", "40 %"),
        ("fatal", "50 %"),
    ]


def test_traceback_is_in_the_text(recorder: Recorder) -> None:
    try:
        raise ValueError("the cause")
    except ValueError:
        logging.getLogger("foundation_stereo_ros").exception("what failed")
    ((severity, text),) = recorder.lines
    assert severity == "error"
    assert text.startswith("what failed\nTraceback") and text.endswith("ValueError: the cause")


def test_others_are_left_alone(recorder: Recorder) -> None:
    logging.getLogger("elsewhere").error("not ours")
    assert recorder.lines == []


def test_undone(caplog: pytest.LogCaptureFixture) -> None:
    recorder = Recorder()
    unbridge_logs(bridge_logs(recorder))
    logging.getLogger("foundation_stereo_ros").warning("to pytest")
    assert recorder.lines == [] and "to pytest" in caplog.text
