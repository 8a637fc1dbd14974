# SPDX-License-Identifier: Apache-2.0
"""What came in so far, at one moment."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from foundation_stereo_ros.ros.live.topics import CameraTopics


@dataclass(frozen=True)
class CameraCounts:
    """One camera's messages.

    Every image is in one place: ``images == delivered + overtaken + unmatched + waiting``, where the first
    two are those of `IntakeCounts`; images without a pose are in a place of their own, `PoseCounts.without`.

    Attributes:
        names: relative names of its topics.
        images: taken in so far.
        infos: calibrations (CameraInfo) taken in so far.
        unmatched: images dropped without a counterpart.
        waiting: images that wait for a counterpart, a calibration, a pose, or the worker.
        image_rate: images a second lately, Hz.
        image_age: seconds since the last image came; None before the first.
        info_age: seconds since the last calibration came; None before the first.
        step_ns: usual difference of the last images' stamps where none is lost, nanoseconds; None before the
            second.
    """

    names: CameraTopics
    images: int = 0
    infos: int = 0
    unmatched: int = 0
    waiting: int = 0
    image_rate: float = 0.0
    image_age: float | None = None
    info_age: float | None = None
    step_ns: int | None = None


@dataclass(frozen=True)
class PoseCounts:
    """The poses of a camera that moves.

    Attributes:
        messages: with poses, so far.
        refused: poses among them that are none.
        reason: why the last of these was refused.
        posed: images that had a pose.
        without: why not -> images.
        age: seconds since the last image that had a pose came; None before the first.
        why: why the last image without a pose had none, a sentence.
        apart: that stamps of images and poses are of two clocks, a sentence; empty: they are not.
        source: whose poses in which frame, in words; empty: not known yet.
    """

    messages: int = 0
    refused: int = 0
    reason: str = ""
    posed: int = 0
    without: Mapping[str, int] = field(default_factory=dict)
    age: float | None = None
    why: str = ""
    apart: str = ""
    source: str = ""


@dataclass(frozen=True)
class IntakeCounts:
    """All cameras' messages, and the sets of images that they made: pairs, with two cameras.

    Attributes:
        cameras: by stream, the first one's images lead.
        sets: of images so far; ``delivered``, ``overtaken``, or still waiting.
        delivered: sets that the worker took.
        overtaken: sets dropped because a newer one came before the worker did.
        time_jumps: how often stamps went back, as when a recording is looped.
        set_age: seconds since the last set of images; None before the first.
        nearest_ns: least difference seen of the stamps of images of all cameras since the last set,
            nanoseconds; None where all have not come since.
        framed: whether the last leading image names its frame; true before the first.
        rejected: messages that are no image or calibration with a header.
        reason: why the last of these was rejected.
        poses: of the camera; None where none are needed.
    """

    cameras: Mapping[str, CameraCounts]
    sets: int = 0
    delivered: int = 0
    overtaken: int = 0
    time_jumps: int = 0
    set_age: float | None = None
    nearest_ns: int | None = None
    framed: bool = True
    rejected: int = 0
    reason: str = ""
    poses: PoseCounts | None = None

    @property
    def what(self) -> str:
        """What a set is called."""
        return "pair" if len(self.cameras) > 1 else "image"
