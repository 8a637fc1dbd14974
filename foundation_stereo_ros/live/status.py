# SPDX-License-Identifier: Apache-2.0
"""How it goes, in one sentence and a table: the contents of a diagnostic message."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from typing import NamedTuple

from foundation_stereo_ros.live.counts import IntakeCounts
from foundation_stereo_ros.live.statistics import StatisticsSnapshot
from foundation_stereo_ros.live.worker import State

OK, WARN, ERROR, STALE = range(4)
"""Levels, numbered as in diagnostic_msgs/DiagnosticStatus."""


class Status(NamedTuple):
    """One diagnostic status.

    Attributes:
        level: OK, WARN, ERROR or STALE.
        message: one sentence.
        values: (key, value) in the order to show them.
    """

    level: int
    message: str
    values: tuple[tuple[str, str], ...] = ()


@dataclass(frozen=True)
class Engine:
    """What computes: texts for the table."""

    weights: str = ""
    device: str = ""
    precision: str = ""
    memory: str = ""


def failed(reason: str) -> Status:
    """Return the status of a shell that has no pipeline, because nobody configured it or that failed."""
    raise NotImplementedError


def status_of(
    state: State,
    counts: IntakeCounts,
    statistics: StatisticsSnapshot,
    *,
    subscribed: Collection[str] = (),
    advice: Sequence[str] = (),
    engine: Engine = Engine(),
) -> Status:
    """Tell how it goes.

    Args:
        state: the worker's.
        counts: the intake's.
        statistics: the worker's.
        subscribed: outputs that somebody subscribes to.
        advice: why nothing comes out, see `advice.why_no_output`; empty while all is well.
        engine: what computes.
    """
    raise NotImplementedError
