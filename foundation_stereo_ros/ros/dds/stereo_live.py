# SPDX-License-Identifier: Apache-2.0
"""The live core connected to the wire, and its reports on /diagnostics."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from foundation_stereo_ros.estimate.estimator import StereoEstimator
from foundation_stereo_ros.estimate.rectification import says_rectified
from foundation_stereo_ros.ros.dds.cameras import Cameras
from foundation_stereo_ros.ros.dds.live_topics import Inputs, Outputs
from foundation_stereo_ros.ros.dds.qos import SENSOR, Profile
from foundation_stereo_ros.ros.dds.wire import Wire, WireClock
from foundation_stereo_ros.ros.live.core import LiveStereo
from foundation_stereo_ros.ros.live.parameters import Configs
from foundation_stereo_ros.ros.live.status import Status
from foundation_stereo_ros.ros.messages.cdr import DIAGNOSTICS, message_types, typestore
from foundation_stereo_ros.ros.messages.pipeline import StereoPipeline
from foundation_stereo_ros.ros.messages.stamps import header_of


class StereoLive:
    """Stereo images in; disparity, depth and point cloud out.

    Args:
        wire: the node.
        cameras: where the images are, and where the outputs go.
        configs: the settings.
        parameters: all of the node's; those beside the settings that count are ``qos_overrides`` and
            ``use_sim_time``.
        profile: of the subscriptions.

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
    ) -> None:
        estimator = StereoEstimator(configs.pipeline)
        pipeline = StereoPipeline(estimator, says_rectified(cameras.topics["left"].image))
        self._clock = WireClock(wire, parameters.get("use_sim_time") is True)
        self.outputs = Outputs(wire, cameras.namespace, parameters)
        self._core = LiveStereo(pipeline, configs.live, message_types(), self.outputs, self._clock)
        self._inputs = Inputs(wire, cameras.topics, cameras.transport, self._core.intake, profile, parameters)
        self._diagnostics = Diagnostics(wire, str(estimator.device))

    def start(self) -> None:
        """Begin to compute."""
        self._core.worker.start()

    def stop(self, timeout: float) -> bool:
        """End; return False where a pair is still in the network after so many seconds."""
        return self._core.worker.stop(timeout)

    def report(self) -> Status:
        """Tell how it goes, here and on /diagnostics; made to be called once a second."""
        self.outputs.check()
        status = self._core.status(self._inputs.facts())
        lost = (("lost messages", str(self._inputs.lost)), ("refused messages", str(self.outputs.refused)))
        status = status._replace(values=(*status.values, *lost))
        self._diagnostics.publish(status, self._clock())
        return status


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
