# SPDX-License-Identifier: Apache-2.0
"""Whether anybody wants the next pair, and what of it."""

from __future__ import annotations

import logging
from collections.abc import Collection, Mapping
from time import monotonic
from typing import Any, Protocol

from foundation_stereo_ros.ros.live.statistics import SkipReason

_log = logging.getLogger(__name__)


_EARLY = 0.6
"""Part of its period that a result may come early: twice a jitter of 30 %."""


class Outlet(Protocol):
    """Publishers of the outputs; called from the worker's thread, for every pair."""

    def wanted(self) -> Collection[str]:
        """Return the names, out of `messages.pipeline.OUTPUTS`, that have a subscriber now.

        Called from any thread.
        """

    def publish(self, messages: Mapping[str, Any]) -> None:
        """Publish what was made: output -> message. All carry the left image's header."""


class Demand:
    """Asks the outlet for subscribers, and says once in the log when there are none.

    Args:
        outlet: knows the subscribers.

    Attributes:
        enabled: whether pairs are to be computed at all.
    """

    def __init__(self, outlet: Outlet) -> None:
        self.enabled = True
        self._outlet = outlet
        self._limit = RateLimit()
        self.restart()

    def restart(self) -> None:
        """Say again what has been said."""
        self._idle = False
        self._lacks_confidence = False

    def wanted(self, confidence: bool) -> frozenset[str]:
        """Return the outputs to make.

        Args:
            confidence: whether it is computed; where it is not, a subscriber is told so in the log.
        """
        wanted = frozenset(self._outlet.wanted())
        lacks_confidence = "confidence" in wanted and not confidence
        if lacks_confidence and not self._lacks_confidence:
            _log.warning(
                "output confidence has a subscriber and is not computed; set the parameter confidence to true"
            )
        self._lacks_confidence = lacks_confidence
        return wanted - {"confidence"} if lacks_confidence else wanted

    def refusal(self, confidence: bool, rate_limit: float, saving: bool) -> SkipReason | None:
        """Tell why the pair at hand is not to be computed; None where it is, which counts for the limit.

        Args:
            confidence: whether it is computed.
            rate_limit: results a second, 0: no limit.
            saving: somebody waits for a result on disk: no need of subscribers, nor of patience.
        """
        if not self.enabled:
            return "disabled"
        wanted = self.wanted(confidence)
        self._tell(idle=not wanted)
        if not wanted and not saving:
            return "no subscriber"
        # Asked in any case, so that a saved result counts as one.
        if not self._limit.allows(rate_limit, monotonic()) and not saving:
            return "rate limit"
        return None

    def _tell(self, idle: bool) -> None:
        if idle and not self._idle:
            _log.info("no subscriber on any output: not computing until one comes")
        elif self._idle and not idle:
            _log.info("a subscriber has come: computing again")
        self._idle = idle


class RateLimit:
    """Lets through so many events a second, on average.

    An event may be a little early and then counts as if in time: a camera at the very rate of the limit loses
    nothing to its jitter.
    """

    def __init__(self) -> None:
        self._limit = 0.0
        self._due = 0.0

    def allows(self, limit: float, now: float) -> bool:
        """Whether an event may happen now, which then counts as having happened.

        Args:
            limit: events a second; 0: no limit. A new one counts from now on.
            now: seconds that ascend.
        """
        if limit != self._limit:
            self._limit, self._due = limit, now
        if not limit:
            return True
        period = 1 / limit
        if now < self._due - _EARLY * period:
            return False
        self._due = max(self._due, now) + period
        return True
