# SPDX-License-Identifier: Apache-2.0
"""Stores what arrives from any thread and hands over the newest complete set of images."""

from __future__ import annotations

import time
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from threading import Condition
from typing import Any, Generic, TypeVar

from foundation_stereo_ros.ros.live.config import StereoLiveConfig
from foundation_stereo_ros.ros.live.counts import CameraCounts, IntakeCounts
from foundation_stereo_ros.ros.live.rates import SlidingRate
from foundation_stereo_ros.ros.live.topics import STEREO_CAMERAS, CameraTopics
from foundation_stereo_ros.ros.messages.camera_info import calibration_numbers
from foundation_stereo_ros.ros.messages.stamps import stamp_ns
from foundation_stereo_ros.ros.sync.newest import NewestPlace
from foundation_stereo_ros.ros.sync.synchronizer import MessageSet, Synchronizer

S = TypeVar("S", bound=MessageSet[Any])

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


class Intake(Generic[S]):
    """Takes messages from any thread and keeps the newest complete set of images for one worker.

    A `Synchronizer` and a `NewestPlace` behind a lock.

    Args:
        cameras: stream -> relative names of its topics; the first one leads: its stamps and frame count.
        tolerance_ns: as of the `Synchronizer`.
        queue_size: the same.

    Attributes:
        cameras: as given.
    """

    def __init__(self, cameras: Mapping[str, CameraTopics], tolerance_ns: int, queue_size: int) -> None:
        self.cameras = cameras
        self._first = next(iter(cameras))
        self._changed = Condition()
        self._open = True
        self._synchronizer: Synchronizer[Any] = Synchronizer(
            tuple(cameras),
            policy="newest",
            tolerance_ns=tolerance_ns,
            queue_size=queue_size,
            numbers=calibration_numbers,
        )
        self._newest: NewestPlace[S] = NewestPlace()
        self._arrivals = {stream: _Arrivals() for stream in cameras}
        self._last_set: float | None = None
        self._size: tuple[int, int] | None = None
        self._rejected = 0
        self._reason = ""

    def push_image(self, stream: str, message: Any) -> None:
        """Take an Image or a CompressedImage; never raises for a message."""
        with self._changed:
            stamp = self._stamp(message, self.cameras[stream].image, _IMAGE_FIELDS)
            if stamp is None or not self._open:
                return
            arrivals, now = self._arrivals[stream], time.monotonic()
            arrivals.image = now
            arrivals.framed = bool(getattr(message.header, "frame_id", ""))
            arrivals.rate.note(now)
            self._note_size(stream, message)
            sets = self._synchronizer.sets
            self._put(self._synchronizer.push(stream, stamp, message))
            if self._synchronizer.sets > sets:
                self._last_set = now

    def push_info(self, stream: str, message: Any, *, latched: bool = False) -> None:
        """Take a CameraInfo; never raises for a message.

        Args:
            stream: of the camera.
            message: a CameraInfo.
            latched: it comes over the subscription for latched ones, which brings again what the other one
                brings, and what was published before. It counts where it is news.
        """
        with self._changed:
            stamp = self._stamp(message, self.cameras[stream].info, _INFO_FIELDS)
            if stamp is None:
                return
            arrivals = self._arrivals[stream]
            if latched and arrivals.info_ns is not None and stamp <= arrivals.info_ns:
                return
            arrivals.info, arrivals.info_ns = time.monotonic(), stamp
            self._note_size(stream, message)
            self._put(self._synchronizer.push_calibration(stream, stamp, message))

    def reject(self, reason: str) -> None:
        """Count bytes that are no message."""
        with self._changed:
            self._reject(reason)

    def take(self, timeout: float) -> S | None:
        """Wait for the newest complete set; None after ``timeout`` seconds, or at once when closed."""
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

    def image_size(self) -> tuple[int, int] | None:
        """Width and height that the newest message of the leading camera tells of; None before."""
        with self._changed:
            return self._size

    @property
    def tolerance_ns(self) -> int:
        """Largest difference of the stamps of a set, nanoseconds."""
        with self._changed:
            return self._synchronizer.tolerance_ns

    def reconfigure(self, config: Any) -> None:
        """Use other settings at once; counters stay."""
        raise NotImplementedError

    def counts(self) -> IntakeCounts:
        """Return all counters of this moment."""
        with self._changed:
            synchronizer = self._synchronizer
            return IntakeCounts(
                cameras={stream: self._camera_counts(stream) for stream in self.cameras},
                sets=synchronizer.sets,
                delivered=self._newest.delivered,
                overtaken=synchronizer.dropped + self._newest.overtaken,
                time_jumps=synchronizer.time_jumps,
                set_age=None if self._last_set is None else time.monotonic() - self._last_set,
                nearest_ns=synchronizer.nearest_ns,
                framed=self._arrivals[self._first].framed,
                rejected=self._rejected,
                reason=self._reason,
            )

    def _camera_counts(self, stream: str) -> CameraCounts:
        synchronizer, arrivals, now = self._synchronizer, self._arrivals[stream], time.monotonic()
        return CameraCounts(
            names=self.cameras[stream],
            images=synchronizer.received[stream],
            infos=synchronizer.calibrations_received[stream],
            unmatched=synchronizer.unmatched[stream],
            waiting=synchronizer.waiting[stream] + len(self._newest),
            image_rate=arrivals.rate.rate(now),
            image_age=None if arrivals.image is None else now - arrivals.image,
            info_age=None if arrivals.info is None else now - arrivals.info,
            step_ns=synchronizer.step_ns(stream),
        )

    def _put(self, sets: list[MessageSet[Any]]) -> None:
        """Take sets that are complete but for what is no matter of the cameras."""
        raise NotImplementedError

    def _offer(self, sets: Iterable[S]) -> None:
        self._newest.put(sets)
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

    def _note_size(self, stream: str, message: Any) -> None:
        # A CompressedImage does not tell; its CameraInfo does.
        size = getattr(message, "width", 0), getattr(message, "height", 0)
        if stream == self._first and all(isinstance(length, int) and length > 0 for length in size):
            self._size = size


class StereoIntake(Intake[MessageSet[Any]]):
    """That of a stereo pair.

    Args:
        config: ``approximate_sync``, ``slop``, ``queue_size``.
    """

    def __init__(self, config: StereoLiveConfig | None = None) -> None:
        config = config or StereoLiveConfig()
        super().__init__(STEREO_CAMERAS, config.tolerance_ns, config.queue_size)

    def reconfigure(self, config: StereoLiveConfig) -> None:
        """Use other settings at once; counters stay."""
        with self._changed:
            self._synchronizer.configure(config.tolerance_ns, config.queue_size)

    def _put(self, sets: list[MessageSet[Any]]) -> None:
        self._offer(sets)
