# SPDX-License-Identifier: Apache-2.0
"""What goes wrong again and again: counted, said once, and after a while once more with its count."""

from __future__ import annotations

import logging
import re
from collections.abc import Callable
from threading import Event
from time import monotonic

from foundation_stereo_ros.errors import FoundationStereoError
from foundation_stereo_ros.ros.live.statistics import LiveStatistics

_log = logging.getLogger(__name__)

PACE_S = 1.0
"""Between two sentences about messages that cannot be used, however they differ."""

_DIGITS = re.compile(r"\d+")


class Repeats:
    """Decides which of many sentences are worth a line in the log.

    Sentences that differ in their numbers alone are the same one. Not for more than one thread.

    Args:
        period: seconds before the same sentence is due again.
        pace: seconds between any two sentences.
        capacity: how many different sentences are remembered.
        clock: seconds that never go back.
    """

    def __init__(
        self,
        period: float = 30.0,
        pace: float = 0.0,
        capacity: int = 100,
        clock: Callable[[], float] = monotonic,
    ) -> None:
        self._period = period
        self._pace = pace
        self._last = float("-inf")
        self._capacity = capacity
        self._clock = clock
        self._said: dict[str, tuple[float, int]] = {}

    def due(self, sentence: str) -> int:
        """Take note of a sentence.

        Returns:
            0 where it should not be said now, otherwise how often it came since it was said last, this time
            included.
        """
        key, now = _DIGITS.sub("0", sentence), self._clock()
        said, silent = self._said.get(key, (float("-inf"), 0))
        quiet = now - said < self._period or now - self._last < self._pace
        self._said.pop(key, None)
        self._said[key] = (said, silent + 1) if quiet else (now, 0)
        if len(self._said) > self._capacity:
            del self._said[next(iter(self._said))]
        if quiet:
            return 0
        self._last = now
        return silent + 1

    def line(self, sentence: str, key: str = "") -> str:
        """Return what to log now: the sentence, with its count if it came more than once; empty: nothing.

        Args:
            sentence: to be said.
            key: what makes it the same as another one; empty: its words.
        """
        count = self.due(key or sentence)
        if not count:
            return ""
        return sentence if count == 1 else f"{sentence} ({count} times since the last such message)"

    def forget(self) -> None:
        """Let every sentence be new again."""
        self._said.clear()


class Rejections:
    """Keeps the worker alive whatever a set of images brings.

    Args:
        statistics: gets the count and the last reason.
        what: a set of images is called: "pair".
    """

    def __init__(self, statistics: LiveStatistics, what: str = "pair") -> None:
        self._statistics, self._what = statistics, what
        self._repeats = Repeats(pace=PACE_S)

    def restart(self) -> None:
        """Say again what has been said."""
        self._repeats.forget()

    def guard(self, step: Callable[[], None], stopping: Event) -> None:
        """Do a step; an error rejects its images.

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
        line = self._repeats.line(reason, "" if unexpected is None else type(unexpected).__name__)
        if line and unexpected is None:
            _log.warning("%s rejected: %s", self._what, line)
        elif line:
            _log.error("%s dropped after an unexpected %s", self._what, line, exc_info=unexpected)
