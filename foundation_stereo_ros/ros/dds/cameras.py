# SPDX-License-Identifier: Apache-2.0
"""Which topics a live node takes, as named or found on the network, and where its outputs go."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from threading import Event
from time import monotonic

from foundation_stereo_ros.errors import BagError
from foundation_stereo_ros.ros.dds.graph import Graph
from foundation_stereo_ros.ros.live.topics import (
    COMPRESSED,
    STEREO_CAMERAS,
    VIDEO_CAMERAS,
    CameraTopics,
    camera_topics,
)
from foundation_stereo_ros.ros.messages.pipeline import OUTPUTS
from foundation_stereo_ros.ros.messages.poses import TRANSFORMS
from foundation_stereo_ros.ros.messages.stereo_topics import StereoTopics, find_stereo
from foundation_stereo_ros.ros.messages.topics import Topic, full_name
from foundation_stereo_ros.ros.messages.video_topics import VideoTopics, find_camera, find_poses

BELOW = "foundation_stereo"
"""Where outputs go, one level below a namespace where they are taken."""

_POLL_S = 0.2
_SETTLED_S = 1.0
"""How long a choice has to stay the same: the topics of one camera do not come all at once."""
_OTHERS_S = 1.0
"""How long others' outputs are looked for."""


@dataclass(frozen=True)
class NamedTopics:
    """What the user named; empty: to be found.

    Attributes:
        left, right: images.
        left_info, right_info: their CameraInfo.
    """

    left: str = ""
    right: str = ""
    left_info: str = ""
    right_info: str = ""

    def resolved(self, namespace: str) -> NamedTopics:
        """Return full names.

        Raises:
            ConfigError: ROS has no such names.
        """
        names = (self.left, self.right, self.left_info, self.right_info)
        return NamedTopics(*(full_name(name, namespace) if name else "" for name in names))

    @property
    def complete(self) -> bool:
        """Whether nothing has to be found."""
        return bool(self.left and self.right)

    def find(self, topics: Sequence[Topic]) -> Cameras:
        """Choose among topics, see `find_stereo`."""
        found = find_stereo(topics, **vars(self))
        chosen = {
            "left": CameraTopics(found.left, found.left_info),
            "right": CameraTopics(found.right, found.right_info),
        }
        return Cameras(chosen, transport_of(found.left), found.namespace)


@dataclass(frozen=True)
class NamedVideo:
    """What the user named of one camera and its poses; empty: to be found.

    Attributes:
        image: its images.
        image_info: their CameraInfo.
        pose_topic: what tells the poses.
    """

    image: str = ""
    image_info: str = ""
    pose_topic: str = ""

    def resolved(self, namespace: str) -> NamedVideo:
        """Return full names.

        Raises:
            ConfigError: ROS has no such names.
        """
        names = (self.image, self.image_info, self.pose_topic)
        return NamedVideo(*(full_name(name, namespace) if name else "" for name in names))

    @property
    def complete(self) -> bool:
        """Whether nothing has to be found."""
        return bool(self.image)

    def find(self, topics: Sequence[Topic]) -> Cameras:
        """Choose among topics, see `find_camera` and `find_poses`; transforms before a body's poses."""
        found = find_camera(topics, image=self.image, image_info=self.image_info)
        poses = find_poses(topics, self.pose_topic)
        trees = poses.moving or poses.static
        pose_topic = self.pose_topic or ("" if trees else next(iter(poses.bodies)))
        if not self.pose_topic and poses.moving and poses.moving[0] != "/tf":
            pose_topic = poses.moving[0]
        chosen = {"image": CameraTopics(found.image, found.image_info)}
        return Cameras(chosen, transport_of(found.image), found.namespace, pose_topic, found.note)


@dataclass(frozen=True)
class Cameras:
    """What to subscribe to.

    Attributes:
        topics: stream -> full names.
        transport: ``raw`` or ``compressed``.
        namespace: where the outputs belong.
        pose_topic: what tells the poses; empty: /tf, or nothing is needed.
        note: what was chosen among several, a sentence; empty: there was nothing to choose.
    """

    topics: Mapping[str, CameraTopics]
    transport: str
    namespace: str
    pose_topic: str = ""
    note: str = ""


def transport_of(image: str) -> str:
    """Return the transport of an image topic, by its name."""
    return "compressed" if image.endswith(COMPRESSED) else "raw"


def named_cameras(named: NamedTopics | NamedVideo, transport: str) -> Cameras:
    """Return the topics where all images are named; CameraInfo is the one beside its image."""
    if isinstance(named, NamedVideo):
        names, pose_topic = VIDEO_CAMERAS, named.pose_topic
        given = {"image": named.image, "camera_info": named.image_info}
    else:
        names, pose_topic = STEREO_CAMERAS, ""
        given = {
            "left/image_rect": named.left,
            "right/image_rect": named.right,
            "left/camera_info": named.left_info,
            "right/camera_info": named.right_info,
        }
    transport = "compressed" if given[next(iter(given))].endswith(COMPRESSED) else transport

    def expand(name: str) -> str:
        return f"/{name.lstrip('/')}"

    def resolve(name: str) -> str:
        return given.get(name) or expand(name)

    full = {}
    for stream, relative in names.items():
        image, info = camera_topics(relative, transport, resolve, expand)
        full[stream] = CameraTopics(resolve(image), resolve(info))
    images = [topics.image for topics in full.values()]
    if len(images) > 1:
        return Cameras(full, transport, StereoTopics(images[0], images[1], "", "").namespace)
    return Cameras(full, transport, VideoTopics(images[0], "").namespace, pose_topic)


def search(
    graph: Graph, find: Callable[[Sequence[Topic]], Cameras], within: str, stop: Event
) -> Iterator[Cameras | BagError]:
    """Look for cameras until there are some.

    Args:
        graph: to look in.
        find: chooses among topics, or raises BagError.
        within: namespace to look in; empty: everywhere. Transforms are taken from everywhere.
        stop: ends it.

    Yields:
        What is missing, whenever that changes; the cameras in the end.
    """
    told: object = None
    candidate, since = None, monotonic()
    while not stop.is_set():
        topics = [t for t in graph.topics() if t.name.startswith(f"{within}/") or t.msgtype in TRANSFORMS]
        try:
            found: Cameras | None = find(topics)
        except BagError as error:
            found = None
            if (str(error), error.remedies) != told:
                told = str(error), error.remedies
                yield error
        if found != candidate:
            candidate, since = found, monotonic()
        elif found is not None and monotonic() - since > _SETTLED_S:
            yield found
            return
        stop.wait(_POLL_S)


def taken_outputs(graph: Graph, namespace: str) -> list[str]:
    """Return the full names of outputs in a namespace that somebody publishes already, in their order."""
    published = {endpoint.topic for endpoint in graph.publishers()}
    return [topic for output in OUTPUTS if (topic := f"{namespace}/{output}") in published]


def free_namespace(graph: Graph, namespace: str, patience: float = _OTHERS_S) -> tuple[str, list[str]]:
    """Choose where outputs go, before any of them is published from here.

    A RealSense driver publishes depth/camera_info beside its infrared images, and stereo_image_proc the same
    names as this package: two publishers of one topic, and subscribers would get both.

    Args:
        graph: to look in.
        namespace: where they belong; "" or "/rig".
        patience: seconds to look, since topics are found one after another.

    Returns:
        The namespace, or `BELOW` in it where outputs are taken; and the topics that are.
    """
    end, pause = monotonic() + patience, Event()
    while not (taken := taken_outputs(graph, namespace)) and monotonic() < end:
        pause.wait(_POLL_S)
    return (f"{namespace}/{BELOW}" if taken else namespace), taken
