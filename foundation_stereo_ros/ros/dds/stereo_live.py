# SPDX-License-Identifier: Apache-2.0
"""The live core connected to the wire, and its reports on /diagnostics."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from typing import Any

from foundation_stereo_ros.estimate.stereo.estimator import StereoEstimator
from foundation_stereo_ros.estimate.stereo.rectification import says_rectified
from foundation_stereo_ros.ros.dds.cameras import Cameras
from foundation_stereo_ros.ros.dds.live_topics import Inputs, Outputs
from foundation_stereo_ros.ros.dds.qos import SENSOR, Profile
from foundation_stereo_ros.ros.dds.wire import CLOCK_TOPIC, Wire, WireClock
from foundation_stereo_ros.ros.live.core import LiveStereo
from foundation_stereo_ros.ros.live.parameters import Configs
from foundation_stereo_ros.ros.live.status import Status
from foundation_stereo_ros.ros.messages.cdr import DIAGNOSTICS, message_types, typestore
from foundation_stereo_ros.ros.messages.pipeline import StereoPipeline
from foundation_stereo_ros.ros.messages.stamps import header_of

_log = logging.getLogger(__name__)


class StereoLive:
    """Stereo images in; disparity, depth and point cloud out.

    Args:
        wire: the node.
        cameras: where the images are, and where the outputs go.
        configs: the settings.
        parameters: all of the node's; those beside the settings that count are ``qos_overrides`` and
            ``use_sim_time``.
        profile: of the subscriptions.
        estimator: loaded by the same settings; None: load it.

    Attributes:
        outputs: the publishers.

    Raises:
        CheckpointError, ConfigError: of the weights and settings.
    """

    def __init__(
        self,
        wire: Wire,
        cameras: Cameras,
        configs: Configs,
        parameters: Mapping[str, Any],
        profile: Profile = SENSOR,
        estimator: StereoEstimator | None = None,
    ) -> None:
        estimator = estimator or StereoEstimator(configs.pipeline)
        pipeline = StereoPipeline(estimator, says_rectified(cameras.topics["left"].image))
        self._wire, self._pipeline = wire, pipeline
        self._simulated = parameters.get("use_sim_time") is True
        self._told_of_clock = False
        self._clock = WireClock(wire, self._simulated)
        self.outputs = Outputs(wire, cameras.namespace, parameters)
        self._core = LiveStereo(pipeline, configs.live, message_types(), self.outputs, self._clock)
        self._inputs = Inputs(wire, cameras.topics, cameras.transport, self._core.intake, profile, parameters)
        self._diagnostics = Diagnostics(wire, str(estimator.device))

    @property
    def topics(self) -> tuple[str, ...]:
        """Full names of the outputs that are computed by the settings."""
        computed = self._pipeline.config.confidence
        return tuple(name for name in self.outputs.topics if computed or not name.endswith("/confidence"))

    def start(self) -> None:
        """Begin to compute."""
        self._core.worker.start()

    def stop(self, timeout: float) -> bool:
        """End; return False where a pair is still in the network after so many seconds."""
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


class Diagnostics:
    """Publishes a node's status.

    Args:
        wire: that publishes.
        hardware: where the network runs.
    """

    def __init__(self, wire: Wire, hardware: str) -> None:
        self._name, self._hardware = wire.full_name, hardware
        self._publisher = wire.publisher("/diagnostics", DIAGNOSTICS, Profile(depth=10))

    def publish(self, status: Status, stamp_ns: int) -> None:
        """Publish a status now."""
        message = diagnostic_array(status, self._name, self._hardware, stamp_ns)
        self._publisher.send(message)


def diagnostic_array(status: Status, node: str, hardware: str, stamp_ns: int) -> Any:
    """Return the message for /diagnostics.

    Args:
        status: how it goes.
        node: full name of the node.
        hardware: where the network runs.
        stamp_ns: now.
    """
    types: dict[str, Any] = dict(typestore().types)
    make_pair = types["diagnostic_msgs/msg/KeyValue"]
    one = types["diagnostic_msgs/msg/DiagnosticStatus"](
        level=status.level,
        name=f"{node}: stereo",
        message=status.message,
        hardware_id=hardware,
        values=[make_pair(key=key, value=value) for key, value in status.values],
    )
    return types[DIAGNOSTICS](header=header_of(message_types(), stamp_ns), status=[one])
