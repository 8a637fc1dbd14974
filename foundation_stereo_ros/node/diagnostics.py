# SPDX-License-Identifier: Apache-2.0
"""A status as a diagnostic message."""

from __future__ import annotations

from builtin_interfaces.msg import Time
from diagnostic_msgs.msg import DiagnosticArray, DiagnosticStatus, KeyValue
from std_msgs.msg import Header

from foundation_stereo_ros.live.status import Status


def diagnostic_array(status: Status, node: str, device: str, stamp: Time) -> DiagnosticArray:
    """Return the message for /diagnostics.

    Args:
        status: how it goes.
        node: fully qualified name of the node.
        device: where the network runs; empty where there is none.
        stamp: now.
    """
    one = DiagnosticStatus(
        level=bytes([status.level]),
        name=f"{node}: stereo",
        message=status.message,
        hardware_id=device,
        values=[KeyValue(key=key, value=value) for key, value in status.values],
    )
    return DiagnosticArray(header=Header(stamp=stamp), status=[one])
