# SPDX-License-Identifier: Apache-2.0
"""Which topics a live node takes, as named or found on the network, and where its outputs go."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from threading import Event
from time import monotonic

from foundation_stereo_ros.errors import BagError
from foundation_stereo_ros.ros.dds.graph import Graph
from foundation_stereo_ros.ros.live.topics import COMPRESSED, SideTopics, side_topics
from foundation_stereo_ros.ros.messages.pipeline import OUTPUTS
from foundation_stereo_ros.ros.messages.stereo_topics import StereoTopics, find_stereo
from foundation_stereo_ros.ros.messages.topics import full_name
from foundation_stereo_ros.ros.sync import SIDES, Side

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


@dataclass(frozen=True)
class Cameras:
    """What to subscribe to.

    Attributes:
        topics: side -> full names.
        transport: ``raw`` or ``compressed``.
        namespace: where the outputs belong.
    """

    topics: dict[Side, SideTopics]
    transport: str
    namespace: str


def named_cameras(named: NamedTopics, transport: str) -> Cameras:
    """Return the topics where both images are named; CameraInfo is the one beside its image."""
    transport = "compressed" if named.left.endswith(COMPRESSED) else transport
    given = {
        "left/image_rect": named.left,
        "right/image_rect": named.right,
        "left/camera_info": named.left_info,
        "right/camera_info": named.right_info,
    }

    def expand(name: str) -> str:
        return f"/{name.lstrip('/')}"

    def resolve(name: str) -> str:
        return given.get(name) or expand(name)

    topics = {side: side_topics(side, transport, resolve, expand) for side in SIDES}
    full = {side: SideTopics(resolve(image), resolve(info)) for side, (image, info) in topics.items()}
    namespace = StereoTopics(full["left"].image, full["right"].image, "", "").namespace
    return Cameras(full, transport, namespace)


def found_cameras(found: StereoTopics) -> Cameras:
    """Return the topics that were found."""
    topics: dict[Side, SideTopics] = {
        "left": SideTopics(found.left, found.left_info),
        "right": SideTopics(found.right, found.right_info),
    }
    transport = "compressed" if found.left.endswith(COMPRESSED) else "raw"
    return Cameras(topics, transport, found.namespace)


def search(graph: Graph, named: NamedTopics, within: str, stop: Event) -> Iterator[Cameras | BagError]:
    """Look for a stereo pair until there is one.

    Args:
        graph: to look in.
        named: what is known.
        within: namespace to look in; empty: everywhere.
        stop: ends it.

    Yields:
        What is missing, whenever that changes; the cameras in the end.
    """
    told: object = None
    candidate, since = None, monotonic()
    while not stop.is_set():
        topics = [topic for topic in graph.topics() if topic.name.startswith(f"{within}/")]
        try:
            found: StereoTopics | None = find_stereo(topics, **vars(named))
        except BagError as error:
            found = None
            if (str(error), error.remedies) != told:
                told = str(error), error.remedies
                yield error
        if found != candidate:
            candidate, since = found, monotonic()
        elif found is not None and monotonic() - since > _SETTLED_S:
            yield found_cameras(found)
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
