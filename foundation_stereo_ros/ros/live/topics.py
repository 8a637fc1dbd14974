# SPDX-License-Identifier: Apache-2.0
"""Which topics a node listens to, after remapping, and how many messages it keeps."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import NamedTuple

from foundation_stereo_ros.ros.messages.cdr import COMPRESSED_IMAGE, IMAGE
from foundation_stereo_ros.ros.sync import SIDES

COMPRESSED = "/compressed"
"""What image_transport puts behind an image's topic."""

IMAGES_DEPTH = 5
"""Images that wait at most (the depth of ROS's quality of service)."""

POSES_DEPTH = 100
"""The same of poses, as tf2 has it."""

RESULTS_DEPTH = 10
"""The same of results. With a depth of two, clouds were replaced while they were still being sent, and a
reliable reader of Fast DDS 2.14 then handed thousands of empty messages on."""

Resolve = Callable[[str], str]


class CameraTopics(NamedTuple):
    """The topics of one camera, as a subscription should name them."""

    image: str
    info: str


STEREO_CAMERAS: Mapping[str, CameraTopics] = {
    side: CameraTopics(f"{side}/image_rect", f"{side}/camera_info") for side in SIDES
}
VIDEO_CAMERAS: Mapping[str, CameraTopics] = {"image": CameraTopics("image", "camera_info")}
"""Stream -> the relative names of its topics."""


def camera_topics(camera: CameraTopics, transport: str, resolve: Resolve, expand: Resolve) -> CameraTopics:
    """Find the topics of one camera.

    The CameraInfo is the one beside the image, wherever that was remapped to, as drivers publish them. Names
    that ROS resolves to the right topic stay relative: an absolute one would be remapped once more, which
    undoes rules that exchange two topics.

    Args:
        camera: their relative names.
        transport: ``raw`` or ``compressed``.
        resolve: a relative name -> the full one, remapped.
        expand: the same without remapping.
    """

    def remapped(name: str) -> bool:
        return resolve(name) != expand(name)

    image, info = camera
    if transport == "compressed":
        if remapped(image + COMPRESSED):
            image += COMPRESSED
        elif not resolve(image).endswith(COMPRESSED):
            image = resolve(image) + COMPRESSED if remapped(image) else image + COMPRESSED
    if remapped(info):
        return CameraTopics(image, info)
    beside = sibling(resolve(image), "camera_info")
    return CameraTopics(image, info if beside == expand(info) else beside)


def sibling(image: str, name: str) -> str:
    """Return the topic of this name in the namespace of an image topic, of any transport."""
    return image.removesuffix(COMPRESSED).rpartition("/")[0] + "/" + name


def image_type(transport: str) -> str:
    """Return the message type of the images that a transport brings."""
    return COMPRESSED_IMAGE if transport == "compressed" else IMAGE


def is_tree(topic: str) -> bool:
    """Whether a topic is one of transforms, by its name: /tf, or /robot/tf."""
    return topic.rpartition("/")[2] == "tf"
