# SPDX-License-Identifier: Apache-2.0
"""Finds a camera, and what tells its poses, among topics."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from foundation_stereo_ros.errors import BagError
from foundation_stereo_ros.ros.messages.cdr import CAMERA_INFO, COMPRESSED_IMAGE, IMAGE
from foundation_stereo_ros.ros.messages.poses import BODY_POSES, TRANSFORMS
from foundation_stereo_ros.ros.messages.stereo_topics import info_of, is_photo, listed, named, rank
from foundation_stereo_ros.ros.messages.topics import Topic, describe

_NO_TRACK = {"goal", "initialpose", "target", "setpoint", "desired", "command", "waypoint"}


@dataclass(frozen=True)
class VideoTopics:
    """The topics of one camera; camera_info is empty where a file stands for it.

    Attributes:
        note: what was chosen among several, a sentence; empty: there was nothing to choose.
    """

    image: str
    image_info: str
    note: str = ""

    @property
    def images(self) -> dict[str, str]:
        """Stream -> topic of its images."""
        return {"image": self.image}

    @property
    def infos(self) -> dict[str, str]:
        """Stream -> topic of its calibrations; empty where a file stands for them."""
        return {"image": self.image_info} if self.image_info else {}

    @property
    def namespace(self) -> str:
        """Where the outputs belong by default: beside the image."""
        return self.image.removesuffix("/compressed").rpartition("/")[0]


def find_camera(
    topics: Sequence[Topic], *, image: str = "", image_info: str = "", calibrated: bool = True
) -> VideoTopics:
    """Choose a camera: as named; otherwise the best by its name of those with a camera_info.

    Args:
        topics: all there are.
        image: its images; empty: to be chosen.
        image_info: its camera_info; empty: beside the image.
        calibrated: whether it needs a camera_info; otherwise none is named in what is returned.

    Raises:
        BagError: a named topic is missing or of another type; there is no camera, or no camera_info. The
            remedies are arguments of this function.
    """
    chosen, info = named(topics, image, IMAGE, COMPRESSED_IMAGE), named(topics, image_info, CAMERA_INFO)
    note = ""
    if not chosen:
        photos = sorted((topic.name for topic in topics if is_photo(topic)), key=lambda n: (rank(n), n))
        if not photos:
            raise BagError(
                f"no images found; expected a topic of {IMAGE} among\n{describe(topics) or '  (no topics)'}",
                remedy=({"image": "TOPIC"},),
            )
        complete = [name for name in photos if info or info_of(topics, name)]
        photos = complete if complete and calibrated else photos
        chosen = photos[0]
        if len(photos) > 1:
            note = f"images of {chosen} are taken; there are also {', '.join(photos[1:])}"
    if not calibrated:
        return VideoTopics(chosen, "", note)
    info = info or info_of(topics, chosen)
    if not info:
        raise BagError(
            f"no camera_info beside {chosen}; {listed(topics, CAMERA_INFO)}",
            remedy=({"image_info": "TOPIC"}, {"intrinsics": "FILE"}),
        )
    return VideoTopics(chosen, info, note)


@dataclass(frozen=True)
class PoseTopics:
    """Topics that tell poses.

    Attributes:
        moving: transforms, /tf.
        static: those that hold at all times, /tf_static.
        bodies: the poses of a body each, with their types, the best first.
    """

    moving: tuple[str, ...]
    static: tuple[str, ...]
    bodies: dict[str, str]


def find_poses(topics: Sequence[Topic], pose_topic: str = "") -> PoseTopics:
    """Find the topics that tell poses.

    Transforms are those of one namespace: of the named topic, or the shortest: /tf before /robot/tf.

    Args:
        topics: all there are.
        pose_topic: the one to take: a topic of a body's poses, or of transforms; empty: all.

    Raises:
        BagError: the named topic is missing or of another type, or there is none of these types.
    """
    chosen = named(topics, pose_topic, *TRANSFORMS, *BODY_POSES)
    there = {topic.name: topic.msgtype for topic in topics if topic.count != 0 and topic.encoding == "cdr"}
    trees = sorted((n for n, kind in there.items() if kind in TRANSFORMS), key=lambda n: (n.count("/"), n))
    first = chosen if chosen in trees else next(iter(trees), "")
    trees = [name for name in trees if _space(name) == _space(first)]
    bodies = {
        name: kind
        for kind in BODY_POSES
        for name in sorted(there)
        if there[name] == kind and not _NO_TRACK & set(name.replace("/", "_").split("_"))
    }
    if chosen:
        bodies = {chosen: there.get(chosen, "")} if chosen not in trees else {}
    static = tuple(name for name in trees if name.endswith("static"))
    moving = tuple(name for name in trees if name not in static)
    if not trees and not bodies:
        raise BagError(
            f"nothing tells where the camera is; expected {TRANSFORMS[0]} or {' or '.join(BODY_POSES[::2])} "
            f"among\n{describe(topics) or '  (no topics)'}",
            remedy=({"pose_topic": "TOPIC"},),
        )
    return PoseTopics(moving, static, bodies)


def _space(name: str) -> str:
    return name.rpartition("/")[0]
