# SPDX-License-Identifier: Apache-2.0
"""What a node listens to: each topic with its types, its quality of service, and where its messages go."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial
from typing import Any, Literal

from foundation_stereo_ros.ros.live.intake import Intake
from foundation_stereo_ros.ros.live.topics import CameraTopics, image_type, is_tree
from foundation_stereo_ros.ros.live.video_intake import VideoIntake
from foundation_stereo_ros.ros.messages.cdr import CAMERA_INFO
from foundation_stereo_ros.ros.messages.poses import BODY_POSES, TRANSFORMS

Quality = Literal["images", "poses", "transforms", "latched"]
"""How a topic is subscribed to. images: whatever is offered, and the newest count. poses: the same, and none
should be lost. transforms, latched: reliably, as tf2 subscribes to /tf and /tf_static."""


@dataclass(frozen=True, eq=False)
class Input:
    """A topic that is listened to.

    Attributes:
        name: relative name, or the parameter that names it: what advice about it says.
        topic: as a subscription should name it.
        msgtypes: of its messages; with several, that which its publishers have.
        store: takes a message; from any thread.
        latched: the same for one that may have been sent before; None: such ones are not asked for.
        quality: of the subscription.
    """

    name: str
    topic: str
    msgtypes: tuple[str, ...]
    store: Callable[[Any], None]
    latched: Callable[[Any], None] | None = None
    quality: Quality = "images"


def camera_inputs(
    intake: Intake[Any], topics: Mapping[str, CameraTopics], transport: str
) -> tuple[Input, ...]:
    """Return what to listen to for the images of some cameras.

    Args:
        intake: gets the messages.
        topics: stream -> topics.
        transport: ``raw`` or ``compressed``.
    """
    inputs = []
    for stream, (image, info) in topics.items():
        names, push = intake.cameras[stream], partial(intake.push_info, stream)
        take = partial(intake.push_image, stream)
        inputs.append(Input(names.image, image, (image_type(transport),), take))
        inputs.append(Input(names.info, info, (CAMERA_INFO,), push, partial(push, latched=True)))
    return tuple(inputs)


def pose_inputs(intake: VideoIntake, pose_topic: str, *, mounted: bool) -> tuple[Input, ...]:
    """Return what to listen to for the poses of a camera.

    Args:
        intake: gets the messages.
        pose_topic: as the user names it; empty: /tf.
        mounted: whether it is known without transforms where the camera sits on the body.
    """
    tree = pose_topic if is_tree(pose_topic) else ""
    inputs = []
    if pose_topic and not tree:
        inputs.append(Input("pose_topic", pose_topic, BODY_POSES, intake.push_body, quality="poses"))
    if tree or not pose_topic or not mounted:
        tree, static = tree or "/tf", partial(intake.push_transforms, static=True)
        inputs.append(Input("/tf", tree, TRANSFORMS[:1], intake.push_transforms, quality="transforms"))
        inputs.append(Input("/tf_static", f"{tree}_static", TRANSFORMS[:1], static, quality="latched"))
    return tuple(inputs)
