# SPDX-License-Identifier: Apache-2.0
"""Which calibration belongs to an image, when they come as messages of their own."""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass
from typing import Generic, TypeVar

T = TypeVar("T")

_PATIENCE = 3
_REMEMBERED = 64


@dataclass(frozen=True, eq=False)
class Stamped(Generic[T]):
    """A message with its header's stamp, nanoseconds."""

    stamp_ns: int
    message: T


class CalibrationHistory(Generic[T]):
    """The last calibrations of one camera.

    An image takes the one with its own stamp, else the newest from before it, else the first from after it.

    Args:
        length: how many are kept.
    """

    def __init__(self, length: int = _REMEMBERED) -> None:
        self._entries: deque[Stamped[T]] = deque(maxlen=length)

    @property
    def newest(self) -> Stamped[T] | None:
        """The one that came last; None before the first."""
        return self._entries[-1] if self._entries else None

    def push(self, stamp_ns: int, calibration: T) -> None:
        """Take the next calibration of the stream."""
        self._entries.append(Stamped(stamp_ns, calibration))

    def has(self, stamp_ns: int) -> bool:
        """Whether there is one with this very stamp."""
        return any(entry.stamp_ns == stamp_ns for entry in self._entries)

    def settled(self, stamp_ns: int) -> bool:
        """Whether no later calibration can be the better one for an image with this stamp."""
        if not self._entries:
            return False
        # Stamps ascend, so once a later one is there the image's own will not come any more.
        return self._entries[-1].stamp_ns >= stamp_ns or self.has(stamp_ns)

    def best(self, stamp_ns: int) -> T | None:
        """Return the calibration for an image with this stamp; None while there is none at all."""
        # Newest first: of two with one stamp, as from a driver that never sets it, the later one counts.
        before = [entry for entry in reversed(self._entries) if entry.stamp_ns <= stamp_ns]
        if before:
            return max(before, key=lambda entry: entry.stamp_ns).message
        first = min(self._entries, key=lambda entry: entry.stamp_ns, default=None)
        return first.message if first else None


class CameraCalibrations(Generic[T]):
    """The calibrations of a camera in which time may jump back, for its images and its calibrations apart.

    A driver may send a calibration with every image, before or after it, or once in a while, or once for all.
    When time jumps back, as where a recording is looped, images or calibrations may be the first to do so. An
    image takes a calibration of its own lap where there is one.

    Attributes:
        count: calibrations that came so far.
    """

    def __init__(self) -> None:
        self.count = 0
        self._images: deque[int] = deque(maxlen=_REMEMBERED)
        self._calibration_ns: int | None = None
        self._without_own = _PATIENCE
        self._history: CalibrationHistory[T] = CalibrationHistory()
        # Set while the calibrations have jumped and the images not yet: what the images still need.
        self._before_jump: CalibrationHistory[T] | None = None
        # Set while the images have jumped and the calibrations not yet.
        self._images_ahead = False
        # For the images of a lap in which no calibration comes.
        self._last_resort: T | None = None

    def push(self, stamp_ns: int, calibration: T) -> None:
        """Take the next calibration."""
        self.count += 1
        if self._calibration_ns is not None and stamp_ns < self._calibration_ns:
            self._before_jump = None if self._images_ahead else self._history
            self._images_ahead = False
            self._history = CalibrationHistory()
        self._calibration_ns = stamp_ns
        self._history.push(stamp_ns, calibration)
        if stamp_ns in self._images:
            self._without_own = 0
        self._compare_laps()

    def note_image(self, stamp_ns: int, *, jumped: bool) -> None:
        """Take note of an image, and whether time went back with it."""
        if jumped:
            self._images.clear()
            self._follow_images()
        self._images.append(stamp_ns)
        self._compare_laps()

    def settled(self, stamp_ns: int) -> bool:
        """Whether no calibration that is still to come can be the better one for an image with this stamp."""
        return self._before_jump is not None or self._history.settled(stamp_ns)

    @property
    def expected(self) -> bool:
        """Whether one with the next image's stamp is likely to come, or there is none at all yet.

        A few images in a row without their own end that; one with an image's stamp begins it again.
        """
        nothing = self._history.newest is None and self._last_resort is None
        return nothing or self._without_own < _PATIENCE

    def choose(self, stamp_ns: int) -> T | None:
        """Return the best calibration for an image that is to go now; None where none has come at all."""
        history = self._before_jump or self._history
        if not history.has(stamp_ns):
            self._without_own += 1
            if self._without_own > _PATIENCE:
                self._before_jump = None
        best = history.best(stamp_ns)
        return self._last_resort if best is None else best

    def _compare_laps(self) -> None:
        if not self._images:
            return
        image, before = self._images[-1], self._before_jump
        if self._history.has(image) and not (before and before.has(image)):
            # The last image has its own: images and calibrations are in the same lap.
            self._without_own = 0
            self._before_jump = None
            self._images_ahead = False

    def _follow_images(self) -> None:
        if self._before_jump is not None:
            self._before_jump = None
            return
        self._images_ahead = True
        newest = self._history.newest
        if newest is not None and self._without_own < _PATIENCE:
            # Calibrations follow their images here: those kept are from before the jump. Where they do not,
            # as one latched for all, none may ever come again, and the last one counts on.
            self._last_resort = newest.message
            self._history = CalibrationHistory()
