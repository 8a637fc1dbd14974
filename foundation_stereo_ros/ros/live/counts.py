# SPDX-License-Identifier: Apache-2.0
"""What came in so far, at one moment."""

from __future__ import annotations

from dataclasses import dataclass

from foundation_stereo_ros.ros.sync import Side


@dataclass(frozen=True)
class CameraCounts:
    """One camera's messages.

    Every image is in one place: ``images == delivered + overtaken + unmatched + waiting``, where the first
    two are those of `IntakeCounts`.

    Attributes:
        images: taken in so far.
        infos: calibrations (CameraInfo) taken in so far.
        unmatched: images dropped without a counterpart.
        waiting: images that wait for a counterpart or, in a pair, for a calibration or the worker.
        image_rate: images a second lately, Hz.
        image_age: seconds since the last image came; None before the first.
        info_age: seconds since the last calibration came; None before the first.
        step_ns: usual difference of the last images' stamps where none is lost, nanoseconds; None before the
            second.
    """

    images: int = 0
    infos: int = 0
    unmatched: int = 0
    waiting: int = 0
    image_rate: float = 0.0
    image_age: float | None = None
    info_age: float | None = None
    step_ns: int | None = None


@dataclass(frozen=True)
class IntakeCounts:
    """Both cameras' messages, and the pairs that they made.

    Attributes:
        left: the left camera's messages.
        right: the right camera's.
        pairs: pairs of images so far; ``delivered``, ``overtaken``, or still waiting.
        delivered: pairs that the worker took.
        overtaken: pairs dropped because a newer one came before the worker did.
        time_jumps: how often stamps went back, as when a recording is looped.
        pair_age: seconds since the last pair of images; None before the first.
        nearest_ns: least difference seen of the stamps of a left and a right image since the last pair,
            nanoseconds; None where both have not come since.
        framed: whether the last left image names its frame; true before the first.
        rejected: messages that are no image or calibration with a header.
        reason: why the last of these was rejected.
    """

    left: CameraCounts
    right: CameraCounts
    pairs: int = 0
    delivered: int = 0
    overtaken: int = 0
    time_jumps: int = 0
    pair_age: float | None = None
    nearest_ns: int | None = None
    framed: bool = True
    rejected: int = 0
    reason: str = ""

    def of(self, side: Side) -> CameraCounts:
        """Return one camera's."""
        return self.left if side == "left" else self.right
