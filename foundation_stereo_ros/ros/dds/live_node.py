# SPDX-License-Identifier: Apache-2.0
"""A live pipeline connected to the wire, and its reports on /diagnostics."""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from foundation_stereo_ros.estimate.stereo.estimator import StereoEstimator
from foundation_stereo_ros.estimate.stereo.rectification import says_rectified
from foundation_stereo_ros.estimate.video.estimator import VideoEstimator
from foundation_stereo_ros.ros.dds.cameras import Cameras
from foundation_stereo_ros.ros.dds.live_topics import Inputs, Outputs
from foundation_stereo_ros.ros.dds.qos import SENSOR, Profile
from foundation_stereo_ros.ros.dds.wire import CLOCK_TOPIC, Wire, WireClock
from foundation_stereo_ros.ros.live.core import Live, live_stereo, live_video
from foundation_stereo_ros.ros.live.inputs import Input, camera_inputs, pose_inputs
from foundation_stereo_ros.ros.live.parameters import Configs
from foundation_stereo_ros.ros.live.status import Status
from foundation_stereo_ros.ros.messages.cdr import DIAGNOSTICS, message_types, typestore
from foundation_stereo_ros.ros.messages.outputs import OUTPUTS, VIDEO_OUTPUTS, Output
from foundation_stereo_ros.ros.messages.pipeline import StereoPipeline
from foundation_stereo_ros.ros.messages.stamps import header_of
from foundation_stereo_ros.ros.messages.video_pipeline import VideoPipeline

_log = logging.getLogger(__name__)


class WireNode:
    """Images in; depth and point cloud out. Made by `stereo_live` and `video_live`.

    Args:
        wire: the node.
        system: what it does, in a word.
        namespace: of the outputs.
        offered: topic -> row of the outputs.
        parameters: all of the node's; those beside the settings that count are ``qos_overrides`` and
            ``use_sim_time``.
        profile: of the subscriptions to images.
        build: makes the live pipeline, of publishers and clock.
        inputs: what to listen to.

    Attributes:
        outputs: the publishers.
    """

    def __init__(
        self,
        wire: Wire,
        system: str,
        namespace: str,
        offered: Mapping[str, Output],
        parameters: Mapping[str, Any],
        profile: Profile,
        build: Callable[[Outputs, WireClock], Live[Any]],
        inputs: Callable[[Live[Any]], Sequence[Input]],
    ) -> None:
        self._wire = wire
        self._simulated = parameters.get("use_sim_time") is True
        self._told_of_clock = False
        self._clock = WireClock(wire, self._simulated)
        self.outputs = Outputs(wire, namespace, offered, parameters)
        self._core = build(self.outputs, self._clock)
        self._inputs = Inputs(wire, inputs(self._core), profile, parameters)
        self._diagnostics = Diagnostics(wire, system, self._core.engine().device)

    @property
    def topics(self) -> tuple[str, ...]:
        """Full names of the outputs that are computed by the settings."""
        computed = self._core.confidence
        return tuple(name for name in self.outputs.topics if computed or not name.endswith("/confidence"))

    def start(self) -> None:
        """Begin to compute."""
        self._core.worker.start()

    def stop(self, timeout: float) -> bool:
        """End; return False where images are still in the network after so many seconds."""
        return self._core.worker.stop(timeout)

    def report(self) -> Status:
        """Tell how it goes, here and on /diagnostics; made to be called once a second."""
        self.outputs.check()
        self._tell_of_clock()
        status = self._core.status(self._inputs.facts())
        lost = (("lost messages", str(self._inputs.lost)), ("refused messages", str(self.outputs.refused)))
        status = status._replace(values=(*status.values, *lost))
        self._diagnostics.publish(status, self._clock())
        return status

    def _tell_of_clock(self) -> None:
        if self._simulated or self._told_of_clock:
            return
        if any(publisher.topic == CLOCK_TOPIC for publisher in self._wire.graph.publishers()):
            self._told_of_clock = True
            _log.warning(
                "somebody publishes %s, as a player does, and this node goes by its computer's time, by "
                "which the images may be old; set use_sim_time for the right latency",
                CLOCK_TOPIC,
            )


def stereo_live(
    wire: Wire,
    cameras: Cameras,
    configs: Configs[Any, Any],
    parameters: Mapping[str, Any],
    profile: Profile = SENSOR,
    estimator: StereoEstimator | None = None,
) -> WireNode:
    """Return the node of a stereo pair.

    Args:
        wire: the node.
        cameras: where the images are, and where the outputs go.
        configs: the settings.
        parameters: see `WireNode`.
        profile: of the subscriptions.
        estimator: loaded by the same settings; None: load it.

    Raises:
        CheckpointError, ConfigError: of the weights and settings.
    """
    estimator = estimator or StereoEstimator(configs.pipeline)
    pipeline = StereoPipeline(estimator, says_rectified(cameras.topics["left"].image))
    return WireNode(
        wire,
        "stereo",
        cameras.namespace,
        OUTPUTS,
        parameters,
        profile,
        lambda outputs, clock: live_stereo(pipeline, configs.live, message_types(), outputs, clock),
        lambda core: camera_inputs(core.intake, cameras.topics, cameras.transport),
    )


def video_live(
    wire: Wire,
    cameras: Cameras,
    configs: Configs[Any, Any],
    parameters: Mapping[str, Any],
    profile: Profile = SENSOR,
    estimator: VideoEstimator | None = None,
) -> WireNode:
    """Return the node of one camera that moves; as `stereo_live`."""
    estimator = estimator or VideoEstimator(configs.pipeline)
    pipeline = VideoPipeline(estimator, bool(says_rectified(cameras.topics["image"].image)))
    live = configs.live.replace(pose_topic=cameras.pose_topic)
    return WireNode(
        wire,
        "video",
        cameras.namespace,
        VIDEO_OUTPUTS,
        parameters,
        profile,
        lambda outputs, clock: live_video(pipeline, live, message_types(), outputs, clock),
        lambda core: (
            *camera_inputs(core.intake, cameras.topics, cameras.transport),
            *pose_inputs(core.intake, live.pose_topic, mounted=live.mount is not None),
        ),
    )


class Diagnostics:
    """Publishes a node's status.

    Args:
        wire: that publishes.
        system: what the node does, in a word.
        hardware: where the network runs.
    """

    def __init__(self, wire: Wire, system: str, hardware: str) -> None:
        self._name, self._hardware = f"{wire.full_name}: {system}", hardware
        self._publisher = wire.publisher("/diagnostics", DIAGNOSTICS, Profile(depth=10))

    def publish(self, status: Status, stamp_ns: int) -> None:
        """Publish a status now."""
        message = diagnostic_array(status, self._name, self._hardware, stamp_ns)
        self._publisher.send(message)


def diagnostic_array(status: Status, name: str, hardware: str, stamp_ns: int) -> Any:
    """Return the message for /diagnostics.

    Args:
        status: how it goes.
        name: full name of the node, and what it does.
        hardware: where the network runs.
        stamp_ns: now.
    """
    types: dict[str, Any] = dict(typestore().types)
    make_pair = types["diagnostic_msgs/msg/KeyValue"]
    one = types["diagnostic_msgs/msg/DiagnosticStatus"](
        level=status.level,
        name=name,
        message=status.message,
        hardware_id=hardware,
        values=[make_pair(key=key, value=value) for key, value in status.values],
    )
    return types[DIAGNOSTICS](header=header_of(message_types(), stamp_ns), status=[one])
