# SPDX-License-Identifier: Apache-2.0
"""The publishers of the results."""

from __future__ import annotations

import logging
from collections.abc import Callable, Collection, Mapping
from functools import partial
from typing import Any, TypeVar

from rclpy.lifecycle import LifecycleNode
from sensor_msgs.msg import CameraInfo, Image, PointCloud2
from stereo_msgs.msg import DisparityImage

from foundation_stereo_ros.errors import ConfigError
from foundation_stereo_ros.ros.live.advice import mismatch
from foundation_stereo_ros.ros.messages.outputs import Output
from foundation_stereo_ros.ros.node.qos import create_with_events, output_qos, overridable

_T = TypeVar("_T")

_log = logging.getLogger(__name__)

_CLASSES = {
    "sensor_msgs/msg/CameraInfo": CameraInfo,
    "sensor_msgs/msg/Image": Image,
    "sensor_msgs/msg/PointCloud2": PointCloud2,
    "stereo_msgs/msg/DisparityImage": DisparityImage,
}


class Outputs:
    """Lifecycle publishers of all outputs; a `live.demand.Outlet`.

    Args:
        node: that publishes.
        outputs: topic -> its row, see `messages.outputs.OUTPUTS`.

    Raises:
        ConfigError: QoS that there is not.
    """

    def __init__(self, node: LifecycleNode, outputs: Mapping[str, Output]) -> None:
        self._node = node
        self._publishers: dict[str, Any] = {}
        try:
            for output, row in outputs.items():
                self._publishers[output] = self._create(output, row)
        except ConfigError:
            self.destroy()
            raise

    def wanted(self) -> Collection[str]:
        """Return the outputs that somebody subscribes to now."""
        return self._while_running(
            lambda: [o for o, publisher in self._publishers.items() if publisher.get_subscription_count()], []
        )

    def publish(self, messages: Mapping[str, Any]) -> None:
        """Publish what was made."""
        for output, message in messages.items():
            self._while_running(partial(self._publishers[output].publish, message), None)

    def destroy(self) -> None:
        """Remove the publishers from the node."""
        for publisher in self._publishers.values():
            self._node.destroy_lifecycle_publisher(publisher)
        self._publishers = {}

    def _while_running(self, call: Callable[[], _T], otherwise: _T) -> _T:
        try:
            return call()
        except Exception:
            # Ctrl-C makes all publishers invalid at once, also while the worker is about to use one.
            if self._node.context.ok():
                raise
            return otherwise

    def _create(self, output: str, row: Output) -> Any:
        create = partial(
            self._node.create_lifecycle_publisher,
            _CLASSES[row.msgtype],
            output,
            output_qos(),
            qos_overriding_options=overridable(),
        )
        topic = self._node.resolve_topic_name(output)
        return create_with_events(
            create, lambda policy: _log.warning("%s", mismatch(topic, policy, publisher=True)), publisher=True
        )
