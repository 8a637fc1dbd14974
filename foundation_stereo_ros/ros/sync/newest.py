# SPDX-License-Identifier: Apache-2.0
"""Where complete sets wait for a consumer that may be slower than they come."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable
from typing import Any, Generic, TypeVar

from foundation_stereo_ros.ros.sync.synchronizer import MessageSet, Reset

S = TypeVar("S", bound=MessageSet[Any])


class NewestPlace(Generic[S]):
    """One place for complete sets, where a newer one overtakes the one that was not taken yet.

    Sets without all their calibrations do not get in, and count as overtaken too. The reset of a set that
    nobody took goes to the next one.

    Attributes:
        delivered: sets taken so far.
        overtaken: sets dropped so far.
    """

    def __init__(self) -> None:
        self.delivered = self.overtaken = 0
        self._set: S | None = None
        self._owed: Reset = ""

    def __len__(self) -> int:
        return int(self._set is not None)

    def put(self, sets: Iterable[S]) -> None:
        """Put in the newest of some sets, which come in their order."""
        for new in sets:
            if new.missing:
                self._give_up(new)
            else:
                self.drop()
                self._set = dataclasses.replace(new, reset=self._owed or new.reset)
                self._owed = ""

    def take(self) -> S | None:
        """Take the set out; None where there is none."""
        self.delivered += len(self)
        taken, self._set = self._set, None
        return taken

    def drop(self) -> None:
        """Drop the set that waits, if any."""
        if self._set is not None:
            self._give_up(self._set)
            self._set = None

    def _give_up(self, old: S) -> None:
        self.overtaken += 1
        self._owed = self._owed or old.reset
