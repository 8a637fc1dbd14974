# SPDX-License-Identifier: Apache-2.0
"""Puts images and calibrations of a recording together while it is read."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, NamedTuple

from foundation_stereo_ros.ros.sync.calibrations import CalibrationHistory
from foundation_stereo_ros.ros.sync.matching import Side, StampPairer


class Stamped(NamedTuple):
    """A decoded message with its header's stamp and its log time, nanoseconds."""

    message: Any
    stamp_ns: int
    log_time: int


@dataclass(frozen=True, eq=False)
class Frame:
    """A stereo pair with the calibrations that belong to it; None where the recording had none by then."""

    left: Stamped
    right: Stamped
    left_info: Stamped | None
    right_info: Stamped | None

    @property
    def log_time(self) -> int:
        """Log time of the last message that the frame needed, nanoseconds."""
        parts = (self.left, self.right, self.left_info, self.right_info)
        return max(part.log_time for part in parts if part is not None)


class FrameAssembler:
    """Images and calibrations in, frames out, in the order of the pairs.

    Recorders write a calibration before or after its image, or once for the whole recording. So a pair waits
    for the calibrations with its images' stamps until later ones come, or ``patience`` later pairs, or the
    end.

    Args:
        tolerance_ns: largest difference of the stamps of left and right.
        patience: how many pairs may wait; bounds the memory.
        every: take the first of this many pairs and drop the others.

    Attributes:
        pairer: counts the images without a counterpart.
        pairs: how many pairs there were so far.
        nearest_ns: smallest difference seen between the stamps of a left and a right image; None before both.
    """

    def __init__(self, tolerance_ns: int = 0, *, patience: int = 4, every: int = 1) -> None:
        self.pairer: StampPairer[Stamped] = StampPairer(tolerance_ns)
        self.pairs = 0
        self.nearest_ns: int | None = None
        self._stamps: dict[Side, int] = {}
        self._patience = patience
        self._every = every
        self._infos: dict[Side, CalibrationHistory[Stamped]] = {
            "left": CalibrationHistory(),
            "right": CalibrationHistory(),
        }
        self._waiting: deque[tuple[Stamped, Stamped]] = deque()

    def push_info(self, side: Side, info: Stamped) -> Iterator[Frame]:
        """Take a calibration; yield the frames that are now complete."""
        self._infos[side].push(info.stamp_ns, info)
        yield from self._complete(self._patience)

    def push_image(self, side: Side, image: Stamped) -> Iterator[Frame]:
        """Take an image; yield the frames that are now complete."""
        self._note(side, image.stamp_ns)
        for pair in self.pairer.push(side, image.stamp_ns, image):
            if self.pairs % self._every == 0:
                self._waiting.append(pair)
            self.pairs += 1
        yield from self._complete(self._patience)

    def finish(self) -> Iterator[Frame]:
        """Yield what waits, at the end of the recording; images without a counterpart become unmatched."""
        self.pairer.clear()
        yield from self._complete(0)

    def _note(self, side: Side, stamp_ns: int) -> None:
        self._stamps[side] = stamp_ns
        if len(self._stamps) == 2:
            apart = abs(self._stamps["left"] - self._stamps["right"])
            self.nearest_ns = apart if self.nearest_ns is None else min(apart, self.nearest_ns)

    def _complete(self, patience: int) -> Iterator[Frame]:
        while self._waiting and (len(self._waiting) > patience or self._settled(*self._waiting[0])):
            left, right = self._waiting.popleft()
            yield Frame(
                left,
                right,
                self._infos["left"].best(left.stamp_ns),
                self._infos["right"].best(right.stamp_ns),
            )

    def _settled(self, left: Stamped, right: Stamped) -> bool:
        return self._infos["left"].settled(left.stamp_ns) and self._infos["right"].settled(right.stamp_ns)
