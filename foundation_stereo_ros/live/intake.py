# SPDX-License-Identifier: Apache-2.0
"""Stores what arrives and hands over the newest complete pair."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from foundation_stereo_ros.live.config import LiveConfig
from foundation_stereo_ros.live.counts import IntakeCounts
from foundation_stereo_ros.pipeline.pairing import Side


@dataclass(frozen=True, eq=False)
class LivePair:
    """A stereo pair of messages with their calibrations.

    Attributes:
        left: image message of the left camera.
        right: of the right one.
        left_info: CameraInfo of the left camera.
        right_info: of the right one.
        stamp_ns: the left image's stamp, nanoseconds.
        received: when the pair was complete, seconds of `time.monotonic`.
    """

    left: Any
    right: Any
    left_info: Any
    right_info: Any
    stamp_ns: int
    received: float


class StereoIntake:
    """Takes messages from any thread and keeps the newest complete pair for one worker.

    Args:
        config: ``approximate_sync``, ``slop``, ``queue_size``.
    """

    def __init__(self, config: LiveConfig | None = None) -> None:
        raise NotImplementedError

    def push_image(self, side: Side, message: Any) -> None:
        """Take an Image or a CompressedImage; never raises for a message."""
        raise NotImplementedError

    def push_info(self, side: Side, message: Any) -> None:
        """Take a CameraInfo; never raises for a message."""
        raise NotImplementedError

    def take(self, timeout: float) -> LivePair | None:
        """Wait for the newest complete pair; None after ``timeout`` seconds, or at once when closed."""
        raise NotImplementedError

    def open(self) -> None:
        """Take images again after `close`."""
        raise NotImplementedError

    def close(self) -> None:
        """Drop the images that wait and refuse new ones, and wake `take`; calibrations are still kept."""
        raise NotImplementedError

    def clear(self) -> None:
        """Drop all that waits, calibrations too; counters stay."""
        raise NotImplementedError

    def reconfigure(self, config: LiveConfig) -> None:
        """Use other settings at once; counters stay."""
        raise NotImplementedError

    def image_size(self) -> tuple[int, int] | None:
        """Width and height that the newest left message tells of; None before."""
        raise NotImplementedError

    def counts(self) -> IntakeCounts:
        """Return all counters of this moment."""
        raise NotImplementedError
