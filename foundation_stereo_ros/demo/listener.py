# SPDX-License-Identifier: Apache-2.0
"""What the demonstration's player hears of the live node: that it is ready, that a result is there, how long
the network takes."""

from __future__ import annotations

from collections.abc import Callable, Collection
from threading import Condition
from time import monotonic
from typing import Any

from foundation_stereo_ros.demo.recording import NAMESPACE
from foundation_stereo_ros.errors import WireError
from foundation_stereo_ros.ros.dds.qos import Profile
from foundation_stereo_ros.ros.dds.wire import Wire
from foundation_stereo_ros.ros.messages.cdr import CAMERA_INFO, DIAGNOSTICS
from foundation_stereo_ros.ros.messages.stamps import stamp_ns

_RESULT = f"{NAMESPACE}/depth/camera_info"
"""The smallest of the results, so that listening changes nothing for the others."""
_WINDOW_S = 10.0
"""What the node's medians are of, see `live.statistics`."""
_LOOK_S = 0.5
_PATIENCE_S = 300.0
"""A large network on a small computer takes its time, also to load."""


class Listener:
    """Listens to the live node.

    Args:
        wire: that listens.
        check: called while something is waited for; raises where that is in vain.
    """

    def __init__(self, wire: Wire, check: Callable[[], None]) -> None:
        self._check = check
        self._changed = Condition()
        self._status: dict[str, str] = {}
        self._status_s = 0.0
        self._results: set[int] = set()
        wire.listen(_RESULT, CAMERA_INFO, Profile(depth=10), self._on_result)
        wire.listen("/diagnostics", DIAGNOSTICS, Profile(depth=10), self._on_status)

    def wait_until_ready(self, outputs: Collection[str]) -> None:
        """Wait until the network has warmed up, and somebody subscribes to these outputs.

        Raises:
            WireError: that takes too long.
        """

        def ready() -> bool:
            subscribed = self._status.get("subscribers", "").split(", ")
            return self._status.get("state") == "waiting" and set(outputs) <= set(subscribed)

        self._wait("the live node is not ready", ready)

    def wait_for_result(self, stamp: int) -> None:
        """Wait for a result of this stamp, nanoseconds.

        Raises:
            WireError: that takes too long.
        """
        self._wait(f"no result of the pair of {stamp} ns", lambda: stamp in self._results)

    def network_seconds(self, results: int, first_s: float) -> float | None:
        """Return what the network took for a pair, median of all results.

        Args:
            results: how many there are.
            first_s: when the first one had come, by `monotonic`.

        Returns:
            None where some of them are too long ago, so that the node's median is without them.

        Raises:
            WireError: the node does not tell.
        """
        self._wait("the live node does not report", lambda: self._status.get("results") == str(results))
        if self._status_s - first_s >= _WINDOW_S:
            return None
        number, _, unit = self._status.get("stage network p50", "").partition(" ")
        return float(number) / 1000 if unit == "ms" else None

    def _wait(self, failure: str, condition: Callable[[], bool]) -> None:
        end = monotonic() + _PATIENCE_S
        with self._changed:
            while not condition():
                self._check()
                if monotonic() > end:
                    raise WireError(f"{failure} after {_PATIENCE_S:.0f} s; it says: {self._status}")
                self._changed.wait(_LOOK_S)

    def _on_result(self, message: Any) -> None:
        with self._changed:
            self._results.add(stamp_ns(message.header))
            self._changed.notify_all()

    def _on_status(self, message: Any) -> None:
        with self._changed:
            self._status = {pair.key: pair.value for pair in message.status[0].values}
            self._status_s = monotonic()
            self._changed.notify_all()
