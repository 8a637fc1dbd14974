# SPDX-License-Identifier: Apache-2.0
"""Errors of single pairs: counted, said once, survived."""

from __future__ import annotations

import logging
from collections.abc import Callable
from threading import Event

from foundation_stereo_ros.errors import FoundationStereoError
from foundation_stereo_ros.ros.live.repeats import Repeats, with_count
from foundation_stereo_ros.ros.live.statistics import LiveStatistics

_log = logging.getLogger(__name__)


class Rejections:
    """Keeps the worker alive whatever a pair brings.

    Args:
        statistics: gets the count and the last reason.
    """

    def __init__(self, statistics: LiveStatistics) -> None:
        self._statistics = statistics
        self._repeats = Repeats()

    def restart(self) -> None:
        """Say again what has been said."""
        self._repeats.forget()

    def guard(self, step: Callable[[], None], stopping: Event) -> None:
        """Do a step; an error rejects its pair.

        Args:
            step: what to do.
            stopping: once it is set, publishers and images may be gone already: errors mean nothing then.
        """
        try:
            step()
        except FoundationStereoError as error:
            if not stopping.is_set():
                self._reject(str(error))
        except Exception as error:
            # A defect of ours, or of a library; the trace tells where.
            if not stopping.is_set():
                self._reject(f"{type(error).__name__}: {error}", unexpected=error)

    def _reject(self, reason: str, unexpected: Exception | None = None) -> None:
        self._statistics.note_rejected(reason)
        count = self._repeats.due(reason if unexpected is None else type(unexpected).__name__)
        if count and unexpected is None:
            _log.warning("pair rejected: %s", with_count(reason, count))
        elif count:
            _log.error("pair dropped by an unexpected %s", with_count(reason, count), exc_info=unexpected)
