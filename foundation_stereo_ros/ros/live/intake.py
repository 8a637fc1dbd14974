# SPDX-License-Identifier: Apache-2.0
"""Stores what arrives from any thread and hands over the newest complete pair."""

from __future__ import annotations

import time
from dataclasses import dataclass, field
from threading import Condition
from typing import Any

from foundation_stereo_ros.ros.live.config import LiveConfig
from foundation_stereo_ros.ros.live.counts import CameraCounts, IntakeCounts
from foundation_stereo_ros.ros.live.rates import SlidingRate
from foundation_stereo_ros.ros.messages.camera_info import calibration_numbers
from foundation_stereo_ros.ros.messages.stamps import stamp_ns
from foundation_stereo_ros.ros.sync import SIDES, Side
from foundation_stereo_ros.ros.sync.newest import NewestPlace
from foundation_stereo_ros.ros.sync.synchronizer import MessageSet, Synchronizer

_IMAGE_FIELDS = ("data",)
_INFO_FIELDS = ("width", "height", "distortion_model")


@dataclass
class _Arrivals:
    """When one camera's messages came, seconds of a clock that never goes back; the last calibration's stamp,
    and whether the last image has a frame."""

    image: float | None = None
    info: float | None = None
    info_ns: int | None = None
    framed: bool = True
    rate: SlidingRate = field(default_factory=SlidingRate)


class StereoIntake:
    """Takes messages from any thread and keeps the newest complete pair for one worker.

    A `Synchronizer` and a `NewestPlace` behind a lock.

    Args:
        config: ``approximate_sync``, ``slop``, ``queue_size``.
    """

    def __init__(self, config: LiveConfig | None = None) -> None:
        config = config or LiveConfig()
        self._changed = Condition()
        self._open = True
        self._synchronizer: Synchronizer[Any] = Synchronizer(
            SIDES,
            policy="newest",
            tolerance_ns=config.tolerance_ns,
            queue_size=config.queue_size,
            numbers=calibration_numbers,
        )
        self._newest: NewestPlace[Any] = NewestPlace()
        self._arrivals = {side: _Arrivals() for side in SIDES}
        self._last_pair: float | None = None
        self._size: tuple[int, int] | None = None
        self._rejected = 0
        self._reason = ""

    def push_image(self, side: Side, message: Any) -> None:
        """Take an Image or a CompressedImage; never raises for a message."""
        with self._changed:
            stamp = self._stamp(message, f"{side} image", _IMAGE_FIELDS)
            if stamp is None or not self._open:
                return
            arrivals, now = self._arrivals[side], time.monotonic()
            arrivals.image = now
            arrivals.framed = bool(getattr(message.header, "frame_id", ""))
            arrivals.rate.note(now)
            self._note_size(side, message)
            pairs = self._synchronizer.sets
            self._put(self._synchronizer.push(side, stamp, message))
            if self._synchronizer.sets > pairs:
                self._last_pair = now

    def push_info(self, side: Side, message: Any, *, latched: bool = False) -> None:
        """Take a CameraInfo; never raises for a message.

        Args:
            side: of the camera.
            message: a CameraInfo.
            latched: it comes over the subscription for latched ones, which brings again what the other one
                brings, and what was published before. It counts where it is news.
        """
        with self._changed:
            stamp = self._stamp(message, f"{side} camera_info", _INFO_FIELDS)
            if stamp is None:
                return
            arrivals = self._arrivals[side]
            if latched and arrivals.info_ns is not None and stamp <= arrivals.info_ns:
                return
            arrivals.info, arrivals.info_ns = time.monotonic(), stamp
            self._note_size(side, message)
            self._put(self._synchronizer.push_calibration(side, stamp, message))

    def reject(self, reason: str) -> None:
        """Count bytes that are no message."""
        with self._changed:
            self._reject(reason)

    def take(self, timeout: float) -> MessageSet[Any] | None:
        """Wait for the newest complete pair; None after ``timeout`` seconds, or at once when closed."""
        with self._changed:
            self._changed.wait_for(lambda: len(self._newest) or not self._open, timeout)
            return self._newest.take()

    def open(self) -> None:
        """Take images again after `close`."""
        with self._changed:
            self._open = True

    def close(self) -> None:
        """Drop the images that wait and refuse new ones, and wake `take`; calibrations are still kept."""
        with self._changed:
            self._open = False
            self._synchronizer.drop()
            self._newest.drop()
            self._changed.notify_all()

    def reconfigure(self, config: LiveConfig) -> None:
        """Use other settings at once; counters stay."""
        with self._changed:
            self._synchronizer.configure(config.tolerance_ns, config.queue_size)

    def image_size(self) -> tuple[int, int] | None:
        """Width and height that the newest left message tells of; None before."""
        with self._changed:
            return self._size

    def counts(self) -> IntakeCounts:
        """Return all counters of this moment."""
        with self._changed:
            synchronizer = self._synchronizer
            return IntakeCounts(
                left=self._camera_counts("left"),
                right=self._camera_counts("right"),
                pairs=synchronizer.sets,
                delivered=self._newest.delivered,
                overtaken=synchronizer.dropped + self._newest.overtaken,
                time_jumps=synchronizer.time_jumps,
                pair_age=None if self._last_pair is None else time.monotonic() - self._last_pair,
                nearest_ns=synchronizer.nearest_ns,
                framed=self._arrivals["left"].framed,
                rejected=self._rejected,
                reason=self._reason,
            )

    def _camera_counts(self, side: Side) -> CameraCounts:
        synchronizer, arrivals, now = self._synchronizer, self._arrivals[side], time.monotonic()
        return CameraCounts(
            images=synchronizer.received[side],
            infos=synchronizer.calibrations_received[side],
            unmatched=synchronizer.unmatched[side],
            waiting=synchronizer.waiting[side] + len(self._newest),
            image_rate=arrivals.rate.rate(now),
            image_age=None if arrivals.image is None else now - arrivals.image,
            info_age=None if arrivals.info is None else now - arrivals.info,
            step_ns=synchronizer.step_ns(side),
        )

    def _put(self, pairs: list[MessageSet[Any]]) -> None:
        self._newest.put(pairs)
        if len(self._newest):
            self._changed.notify()

    def _stamp(self, message: Any, what: str, fields: tuple[str, ...]) -> int | None:
        """Return the stamp of a message; None, and a note of why, where it is not ``what`` it should be."""
        # By field, not by class: each message library has classes of its own.
        try:
            for name in fields:
                getattr(message, name)
            return stamp_ns(message.header)
        except (AttributeError, TypeError, ValueError, ArithmeticError) as error:
            self._reject(f"{what} is a {type(message).__name__}; expected a message: {error}")
            return None

    def _reject(self, reason: str) -> None:
        self._rejected += 1
        self._reason = reason

    def _note_size(self, side: Side, message: Any) -> None:
        # A CompressedImage does not tell; its CameraInfo does.
        size = getattr(message, "width", 0), getattr(message, "height", 0)
        if side == "left" and all(isinstance(length, int) and length > 0 for length in size):
            self._size = size
