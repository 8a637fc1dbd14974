# SPDX-License-Identifier: Apache-2.0
"""What the intake makes of messages: items with a stamp, and pairs."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, NamedTuple

from foundation_stereo_ros.errors import ImageError
from foundation_stereo_ros.ros.messages.stamps import stamp_ns
from foundation_stereo_ros.ros.sync.matching import Side


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


class Stamped(NamedTuple):
    """A message with its header's stamp, nanoseconds."""

    message: Any
    stamp_ns: int


def read_image(side: Side, message: Any) -> Stamped:
    """Read the stamp of an Image or a CompressedImage.

    Raises:
        ImageError: it is neither.
    """
    return _read(message, f"{side} image", ("data",))


def read_info(side: Side, message: Any) -> Stamped:
    """Read the stamp of a CameraInfo.

    Raises:
        ImageError: it is none.
    """
    return _read(message, f"{side} camera_info", ("width", "height", "distortion_model"))


def _read(message: Any, what: str, fields: tuple[str, ...]) -> Stamped:
    # By field, not by class: each message library has classes of its own.
    try:
        for field in fields:
            getattr(message, field)
        return Stamped(message, stamp_ns(message.header))
    except (AttributeError, TypeError, ValueError, ArithmeticError) as error:
        raise ImageError(f"{what} is a {type(message).__name__}; expected a message: {error}") from error
