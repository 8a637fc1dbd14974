# SPDX-License-Identifier: Apache-2.0
"""Stores what arrives and hands over the newest complete pair."""

from __future__ import annotations

import time
from collections.abc import Callable
from threading import Condition
from typing import Any

from foundation_stereo_ros.errors import ImageError
from foundation_stereo_ros.ros.live.camera_stream import CameraStream
from foundation_stereo_ros.ros.live.config import LiveConfig
from foundation_stereo_ros.ros.live.counts import CameraCounts, IntakeCounts
from foundation_stereo_ros.ros.live.pair import LivePair, Stamped, read_image, read_info
from foundation_stereo_ros.ros.sync.matching import Side, StampPairer


class StereoIntake:
    """Takes messages from any thread and keeps the newest complete pair for one worker.

    There are two places for pairs: one that is complete, and a newer one whose calibrations may still come. A
    pair that follows another one into its place overtakes it.

    Args:
        config: ``approximate_sync``, ``slop``, ``queue_size``.
    """

    def __init__(self, config: LiveConfig | None = None) -> None:
        config = config or LiveConfig()
        self._changed = Condition()
        self._open = True
        self._pairer: StampPairer[Stamped] = StampPairer(config.tolerance_ns, config.queue_size)
        self._cameras: dict[Side, CameraStream] = {"left": CameraStream(), "right": CameraStream()}
        self._incomplete: tuple[Stamped, Stamped] | None = None
        self._ready: LivePair | None = None
        self._size: tuple[int, int] | None = None
        self._pairs = self._delivered = self._overtaken = self._rejected = 0
        self._reason = ""
        self._last_pair: float | None = None
        self._nearest_ns: int | None = None

    def push_image(self, side: Side, message: Any) -> None:
        """Take an Image or a CompressedImage; never raises for a message."""
        with self._changed:
            stamped = self._read(read_image, side, message)
            if stamped is None or not self._open:
                return
            if self._cameras[side].note_image(stamped.stamp_ns, time.monotonic()):
                # Its own calibrations will not come any more, and those that come are of another time.
                self._overtake_incomplete()
            self._note_distance(side, stamped.stamp_ns)
            self._note_size(side, message)
            for pair in self._pairer.push(side, stamped.stamp_ns, stamped):
                self._pairs += 1
                self._last_pair, self._nearest_ns = time.monotonic(), None
                self._release_incomplete()
                self._incomplete = pair
                self._try_complete()

    def push_info(self, side: Side, message: Any) -> None:
        """Take a CameraInfo; never raises for a message."""
        with self._changed:
            stamped = self._read(read_info, side, message)
            if stamped is None:
                return
            self._cameras[side].push_info(stamped.stamp_ns, message, time.monotonic())
            self._note_size(side, message)
            self._try_complete()

    def take(self, timeout: float) -> LivePair | None:
        """Wait for the newest complete pair; None after ``timeout`` seconds, or at once when closed."""
        with self._changed:
            self._changed.wait_for(lambda: self._ready is not None or not self._open, timeout)
            pair, self._ready = self._ready, None
            if pair is not None:
                self._delivered += 1
            return pair

    def open(self) -> None:
        """Take images again after `close`."""
        with self._changed:
            self._open = True

    def close(self) -> None:
        """Drop the images that wait and refuse new ones, and wake `take`; calibrations are still kept."""
        with self._changed:
            self._open = False
            self._drop_images()
            self._changed.notify_all()

    def clear(self) -> None:
        """Drop all that waits, calibrations too; counters stay."""
        with self._changed:
            self._drop_images()
            for camera in self._cameras.values():
                camera.clear()
            self._size = self._nearest_ns = None

    def reconfigure(self, config: LiveConfig) -> None:
        """Use other settings at once; counters stay."""
        with self._changed:
            if (self._pairer.tolerance_ns, self._pairer.queue_size) != (
                config.tolerance_ns,
                config.queue_size,
            ):
                # What waits was judged by the old settings.
                self._pairer.clear()
                self._pairer.tolerance_ns = config.tolerance_ns
                self._pairer.queue_size = config.queue_size

    def image_size(self) -> tuple[int, int] | None:
        """Width and height that the newest left message tells of; None before."""
        with self._changed:
            return self._size

    def counts(self) -> IntakeCounts:
        """Return all counters of this moment."""
        with self._changed:
            return IntakeCounts(
                left=self._camera_counts("left"),
                right=self._camera_counts("right"),
                pairs=self._pairs,
                delivered=self._delivered,
                overtaken=self._overtaken,
                time_jumps=self._pairer.time_jumps,
                pair_age=None if self._last_pair is None else time.monotonic() - self._last_pair,
                nearest_ns=self._nearest_ns,
                rejected=self._rejected,
                reason=self._reason,
            )

    def _camera_counts(self, side: Side) -> CameraCounts:
        camera, now = self._cameras[side], time.monotonic()
        in_pairs = (self._incomplete is not None) + (self._ready is not None)
        return CameraCounts(
            images=camera.images,
            infos=camera.infos,
            unmatched=self._pairer.unmatched[side],
            waiting=self._pairer.waiting[side] + in_pairs,
            image_rate=camera.rate.rate(now),
            image_age=None if camera.last_image is None else now - camera.last_image,
            info_age=None if camera.last_info is None else now - camera.last_info,
            step_ns=camera.step_ns,
        )

    def _read(self, read: Callable[[Side, Any], Stamped], side: Side, message: Any) -> Stamped | None:
        try:
            return read(side, message)
        except ImageError as error:
            self._rejected += 1
            self._reason = str(error)
            return None

    def _try_complete(self) -> None:
        """Let the incomplete pair go if there is no reason to wait."""
        if self._incomplete is not None:
            left, right = self._incomplete
            cameras = self._cameras
            if cameras["left"].settled(left.stamp_ns) and cameras["right"].settled(right.stamp_ns):
                self._release_incomplete()

    def _release_incomplete(self) -> None:
        """Let the incomplete pair go with the best calibrations there are; without any it is dropped."""
        if self._incomplete is None:
            return
        left, right = self._incomplete
        left_info = self._cameras["left"].calibration(left.stamp_ns)
        right_info = self._cameras["right"].calibration(right.stamp_ns)
        if left_info is None or right_info is None:
            self._overtake_incomplete()
            return
        self._overtaken += self._ready is not None
        self._incomplete = None
        self._ready = LivePair(
            left.message, right.message, left_info, right_info, left.stamp_ns, time.monotonic()
        )
        self._changed.notify()

    def _overtake_incomplete(self) -> None:
        self._overtaken += self._incomplete is not None
        self._incomplete = None

    def _drop_images(self) -> None:
        self._pairer.clear()
        self._overtake_incomplete()
        self._overtaken += self._ready is not None
        self._ready = None

    def _note_distance(self, side: Side, stamp_ns: int) -> None:
        apart = self._cameras["right" if side == "left" else "left"].distance_ns(stamp_ns)
        if apart is not None:
            self._nearest_ns = apart if self._nearest_ns is None else min(apart, self._nearest_ns)

    def _note_size(self, side: Side, message: Any) -> None:
        # A CompressedImage does not tell; its CameraInfo does.
        size = getattr(message, "width", 0), getattr(message, "height", 0)
        if side == "left" and all(isinstance(length, int) and length > 0 for length in size):
            self._size = size
