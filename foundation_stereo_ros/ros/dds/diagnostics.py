# SPDX-License-Identifier: Apache-2.0
"""How it goes, on /diagnostics."""

from __future__ import annotations

from typing import Any

from foundation_stereo_ros.ros.dds.qos import Profile
from foundation_stereo_ros.ros.dds.wire import Wire
from foundation_stereo_ros.ros.live.status import Status
from foundation_stereo_ros.ros.messages.cdr import serialized, typestore

_ARRAY = "diagnostic_msgs/msg/DiagnosticArray"


class Diagnostics:
    """Publishes a node's status.

    Args:
        wire: that publishes.
        hardware: where the network runs.
    """

    def __init__(self, wire: Wire, hardware: str) -> None:
        self._name, self._hardware = wire.full_name, hardware
        self._publisher = wire.publisher("/diagnostics", _ARRAY, Profile(depth=10))

    def publish(self, status: Status, stamp_ns: int) -> None:
        """Publish a status now."""
        message = diagnostic_array(status, self._name, self._hardware, stamp_ns)
        self._publisher.publish(serialized(message, _ARRAY))


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
    stamp = types["builtin_interfaces/msg/Time"](*divmod(stamp_ns, 10**9))
    header = types["std_msgs/msg/Header"](stamp=stamp, frame_id="")
    return types[_ARRAY](header=header, status=[one])
