# SPDX-License-Identifier: Apache-2.0
"""One camera's messages as they arrive: how many, how often, and which calibration belongs to which image."""

from __future__ import annotations

from collections import deque
from itertools import pairwise
from typing import Any

from foundation_stereo_ros.ros.live.rates import SlidingRate
from foundation_stereo_ros.ros.sync.calibrations import CalibrationHistory

_PATIENCE = 3
_REMEMBERED = 64


class CameraStream:
    """Notes one camera's images and keeps its calibrations.

    A driver may send a calibration with every image, before or after it, or once in a while, or once for all.
    Where they came with the images' stamps so far, an image should wait for its own: `settled`. A few images
    in a row without their own end that; one calibration with an image's stamp begins it again.

    Attributes:
        images: how many came.
        infos: how many calibrations came.
        last_image: when the last image came, seconds of a clock that never goes back; None before.
        last_info: the same of calibrations.
        rate: of the images.
    """

    def __init__(self) -> None:
        self.images = 0
        self.infos = 0
        self.last_image: float | None = None
        self.last_info: float | None = None
        self.rate = SlidingRate()
        self._stamp_ns: int | None = None
        self._info_stamp_ns: int | None = None
        self._stamps: deque[int] = deque(maxlen=_REMEMBERED)
        self._history: CalibrationHistory[Any] = CalibrationHistory(_REMEMBERED)
        self._without_own = _PATIENCE
        self._infos_jumped_first = False

    def note_image(self, stamp_ns: int, now: float) -> bool:
        """Take note of an image; return whether time went back."""
        self.images += 1
        self.last_image = now
        self.rate.note(now)
        jumped = self._stamp_ns is not None and stamp_ns < self._stamp_ns
        if jumped:
            self._image_jumped()
        self._stamp_ns = stamp_ns
        self._stamps.append(stamp_ns)
        if self._history.has(stamp_ns):
            self._without_own = 0
            self._infos_jumped_first = False
        return jumped

    def distance_ns(self, stamp_ns: int) -> int | None:
        """Return how far the nearest of the last images is from a stamp; None before the first."""
        return min((abs(stamp - stamp_ns) for stamp in self._stamps), default=None)

    @property
    def step_ns(self) -> int | None:
        """Least difference of the last images' stamps; None before the second."""
        stamps = sorted(set(self._stamps))
        return min((after - before for before, after in pairwise(stamps)), default=None)

    def push_info(self, stamp_ns: int, info: Any, now: float) -> None:
        """Keep a calibration."""
        self.infos += 1
        self.last_info = now
        if self._info_stamp_ns is not None and stamp_ns < self._info_stamp_ns:
            # Those from before the jump would be taken for images that come after it.
            self._history.clear()
            self._infos_jumped_first = True
        self._info_stamp_ns = stamp_ns
        self._history.push(stamp_ns, info)
        if stamp_ns in self._stamps:
            self._without_own = 0
        if stamp_ns == self._stamp_ns:
            self._infos_jumped_first = False

    def settled(self, stamp_ns: int) -> bool:
        """Whether the calibration for an image with this stamp is there, or no better one is expected."""
        if self._history.settled(stamp_ns):
            return True
        return self._without_own >= _PATIENCE and self._history.best(stamp_ns) is not None

    def calibration(self, stamp_ns: int) -> Any | None:
        """Return the best calibration for an image that is to go now.

        Returns:
            None while there is none at all, or only ones of another time: from after a jump that the images
            have not made yet.
        """
        if not self._history.has(stamp_ns):
            self._without_own += 1
            if self._infos_jumped_first and self._without_own <= _PATIENCE:
                return None
        return self._history.best(stamp_ns)

    def clear(self) -> None:
        """Forget stamps and calibrations; counters stay."""
        self._stamp_ns = self._info_stamp_ns = None
        self._stamps.clear()
        self._history.clear()
        self._without_own = _PATIENCE
        self._infos_jumped_first = False

    def _image_jumped(self) -> None:
        self._stamps.clear()
        if self._infos_jumped_first:
            self._infos_jumped_first = False
        elif self._without_own < _PATIENCE:
            # Calibrations follow their images here: those kept are from before the jump. Where they do not,
            # as one latched for all, none may ever come again, and the last one counts on.
            self._history.clear()
            self._info_stamp_ns = None
