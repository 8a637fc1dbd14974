# SPDX-License-Identifier: Apache-2.0
"""Why nothing comes out, or nothing good, and what to do: sentences that name topic and parameter."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass

from foundation_stereo_ros.estimate.remarks import Remark
from foundation_stereo_ros.ros.live.counts import IntakeCounts, PoseCounts

_LARGEST_SLOP_NS = 1_000_000_000

_WHOLE = 0.25
"""How far a whole number of steps may be off, for stamps that tremble."""

_LOSS = (
    "large images may get lost on the way; start the node with its option reliable (or set qos_overrides.*), "
    "or allow larger receive buffers (sysctl net.core.rmem_max)"
)


@dataclass(frozen=True)
class TopicFacts:
    """What a node knows about the topic of one input.

    Attributes:
        name: full name, after remapping.
        publishers: how many publishers of the expected type there are.
        types: every type published under this name, as "sensor_msgs/msg/Image".
        expected_type: the type subscribed to.
        incompatible: the QoS policy on which a publisher and this subscriber disagree, as "RELIABILITY";
            empty: none.
    """

    name: str
    publishers: int = 0
    types: tuple[str, ...] = ()
    expected_type: str = ""
    incompatible: str = ""


def why_no_output(
    facts: Mapping[str, TopicFacts],
    counts: IntakeCounts,
    *,
    tolerance_ns: int = 0,
    quiet_after: float = 3.0,
) -> tuple[str, ...]:
    """Say what is missing for a result.

    Args:
        facts: input -> its topic, see `inputs.Input.name`; a missing one is called by its relative name.
        counts: what has come.
        tolerance_ns: largest difference of the stamps of a pair.
        quiet_after: seconds without an image after which a topic counts as silent.

    Returns:
        Sentences, the most important first; empty where nothing is missing.
    """
    advice: list[str] = []
    silences = [(c.names.image, _silence(c.image_age, quiet_after), c) for c in counts.cameras.values()]
    # One calibration may be for all images, so that its age does not matter.
    silences += [
        (c.names.info, "" if c.infos else "no calibration has come", c) for c in counts.cameras.values()
    ]
    for name, silent, camera in silences:
        if silent:
            alive = camera.info_age is not None and camera.info_age <= quiet_after
            advice.append(
                _why_silent(name, _facts(facts, name), silent, alive, image=name == camera.names.image)
            )
    late = counts.set_age is None or counts.set_age > quiet_after
    if not advice and late and len(counts.cameras) > 1:
        advice += _why_no_pair(counts, tolerance_ns)
    if not advice and counts.poses is not None:
        advice += why_no_pose(facts, counts.poses, quiet_after)
    return tuple(advice)


def why_no_pose(facts: Mapping[str, TopicFacts], poses: PoseCounts, quiet_after: float) -> list[str]:
    """Say why images that come have no pose; empty: they have."""
    if poses.age is not None and poses.age <= quiet_after:
        return []
    name = "pose_topic" if "pose_topic" in facts else "/tf"
    topic = facts.get(name)
    if topic is not None and not topic.publishers:
        return [_no_poses_come(name, topic)]
    refused = poses.reason and f"the last pose is none: {poses.reason}"
    sentence = poses.apart or poses.why or refused or "none has come yet"
    reason = "" if poses.apart else _reason(poses)
    if reason == "not connected" and name == "pose_topic":
        reason = "not mounted"
    return [f"the images have no pose: {sentence}{_POSE_REMEDY.get(reason, '')}"]


_POSE_REMEDY = {
    "not connected": "; set fixed_frame to the frame that does not move, or pose_topic to a topic of poses",
    "not mounted": "; publish the camera's place on the body on /tf_static, or set camera_in_body",
    "not yet": "; if the poses are late, raise tf_timeout",
    "gap": "; if the poses come seldom, raise pose_gap",
}


def _reason(poses: PoseCounts) -> str:
    """Return why most images have no pose."""
    if not poses.without:
        return "not connected" if poses.why.startswith("no transforms") else ""
    return max(poses.without, key=lambda reason: poses.without[reason])


def _no_poses_come(name: str, topic: TopicFacts) -> str:
    if topic.types:
        kinds = ", ".join(topic.types)
        return f"{topic.name} has messages of type {kinds}, expected {topic.expected_type}"
    if name == "/tf":
        return (
            f"{topic.name} has no publisher, and so the images have no pose; start what tells where the "
            "camera is (odometry, SLAM), or set pose_topic to a topic of poses"
        )
    return f"{topic.name} has no publisher, and so the images have no pose; is pose_topic right?"


def _facts(facts: Mapping[str, TopicFacts], name: str) -> TopicFacts:
    return facts.get(name) or TopicFacts(name, publishers=1)


def frameless(counts: IntakeCounts, facts: Mapping[str, TopicFacts]) -> str:
    """Say that the leading images name no frame; empty where they do."""
    if counts.framed:
        return ""
    topic = _facts(facts, next(iter(counts.cameras.values())).names.image)
    return (
        f"{topic.name}: the images have an empty frame_id, and so have the results, which RViz and tf cannot "
        "place; set the camera's frame in its driver"
    )


def remark_in_words(remark: Remark) -> str:
    """Return what is wrong with the images, and the parameters that would help."""
    return remark.told(lambda name, value: f"set {name} to {value or 'true'}")


def mismatch(topic: str, policy: str, *, publisher: bool) -> str:
    """Say which topic carries nothing because of which policy, and what to do."""
    other, own = ("subscriber", "publisher") if publisher else ("publisher", "subscription")
    return (
        f"{topic}: a {other} has another {policy.lower()} than this node's {own}, so no message passes; "
        f"change it there, or here by the parameter qos_overrides.{topic}.{own}.{policy.lower()}"
    )


def _silence(age: float | None, quiet_after: float) -> str:
    if age is None:
        return "no image has come"
    return f"no image has come for {age:.0f} s" if age > quiet_after else ""


def _why_silent(name: str, topic: TopicFacts, silent: str, alive: bool, *, image: bool) -> str:
    strange = [kind for kind in topic.types if kind != topic.expected_type]
    if topic.publishers:
        if topic.incompatible:
            return (
                f"{topic.name}: {silent}, its publisher's {topic.incompatible} QoS does not match; "
                f"change it there, or set the parameter qos_overrides.{topic.name}.subscription."
                f"{topic.incompatible.lower()} here"
            )
        if alive and image:
            return f"{topic.name}: {silent}, but its camera_info comes: {_LOSS}"
        if not image:
            return (
                f"{topic.name}: {silent}, though it has a publisher; what was sent before this node started "
                "is received only if it is latched (reliable and transient local): send it so, or with every "
                "image"
            )
        return (
            f"{topic.name}: {silent}, though it has a publisher; is the camera running, or a replay paused?"
        )
    if strange:
        remedy = _other_type(name, strange[0], image)
        return f"{topic.name} has messages of type {strange[0]}, expected {topic.expected_type}; {remedy}"
    hint = "start the camera" if image else "start the camera's driver with calibration"
    return f"{topic.name} has no publisher; {hint}, or remap {name} to its topic{_transport(topic)}"


def _other_type(name: str, kind: str, image: bool) -> str:
    transports = {"CompressedImage": "compressed", "Image": "raw"}
    transport = transports.get(kind.rpartition("/")[2])
    if transport and image:
        return f"set image_transport to {transport}"
    return f"remap {name} to another topic"


def _transport(topic: TopicFacts) -> str:
    raw = topic.expected_type == "sensor_msgs/msg/Image"
    return "; if there are compressed images only, set image_transport to compressed" if raw else ""


def _why_no_pair(counts: IntakeCounts, tolerance_ns: int) -> list[str]:
    nearest_ns = counts.nearest_ns
    if nearest_ns is None:
        return []
    if nearest_ns <= tolerance_ns:
        return [
            "left and right images have matching stamps, but arrive too far apart in time; raise queue_size, "
            "or find out why one camera is late"
        ]
    if nearest_ns > _LARGEST_SLOP_NS:
        return [
            f"the stamps of left and right images are at least {nearest_ns / 1e9:.1f} s apart; "
            "synchronize the clocks of both cameras, and check that both are running"
        ]
    step_ns = min((c.step_ns for c in counts.cameras.values() if c.step_ns), default=None)
    # However two cameras are timed, a stamp is at most half a step from one of the other's. Cameras that are
    # triggered together and lose images are whole steps apart; others may be anything, where they stutter.
    steps = nearest_ns / step_ns if step_ns else 0.0
    if round(steps) and abs(steps - round(steps)) < _WHOLE:
        return [
            "left and right images of the same moment do not both arrive, the nearest stamps are "
            f"{nearest_ns / 1e6:.3g} ms apart: {_LOSS}"
        ]
    slop = min(math.ceil(nearest_ns * 1.25 / 1e6) / 1000, _LARGEST_SLOP_NS / 1e9)
    return [
        f"the stamps of left and right images do not match, the nearest are {nearest_ns / 1e6:.3g} ms apart; "
        f"if the cameras are not triggered together, set approximate_sync to true and slop to {slop:g}"
    ]
