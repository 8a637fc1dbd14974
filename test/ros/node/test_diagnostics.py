# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import pytest

from foundation_stereo_ros.ros.live.status import ERROR, OK, STALE, WARN, Status

pytestmark = pytest.mark.ros


@pytest.mark.parametrize("level", [OK, WARN, ERROR, STALE])
def test_message(level: int) -> None:
    from builtin_interfaces.msg import Time
    from diagnostic_msgs.msg import DiagnosticStatus
    from rclpy.serialization import deserialize_message, serialize_message

    from foundation_stereo_ros.ros.node.diagnostics import diagnostic_array

    status = Status(level, "all is well", (("input rate", "30.0 Hz"), ("state", "running")))
    made = diagnostic_array(status, "/rig/stereo_node: stereo", "cuda:0", Time(sec=5))
    made = deserialize_message(serialize_message(made), type(made))
    assert made.header.stamp.sec == 5
    (one,) = made.status
    names = {
        OK: DiagnosticStatus.OK,
        WARN: DiagnosticStatus.WARN,
        ERROR: DiagnosticStatus.ERROR,
        STALE: DiagnosticStatus.STALE,
    }
    assert one.level == names[level]
    assert (one.name, one.hardware_id, one.message) == ("/rig/stereo_node: stereo", "cuda:0", "all is well")
    assert [(v.key, v.value) for v in one.values] == [("input rate", "30.0 Hz"), ("state", "running")]
