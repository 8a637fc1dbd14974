# SPDX-License-Identifier: Apache-2.0
"""How it goes, on /diagnostics."""

from __future__ import annotations

import logging
from collections.abc import Callable

from builtin_interfaces.msg import Time
from diagnostic_msgs.msg import DiagnosticArray, DiagnosticStatus, KeyValue
from rclpy.clock import Clock
from rclpy.node import Node
from std_msgs.msg import Header

from foundation_stereo_ros.ros.live.status import Status

_log = logging.getLogger(__name__)

PERIOD_S = 1.0


class Diagnostics:
    """Publishes a node's status once a second.

    Args:
        node: that publishes.
        system: what the node does, in a word.
        status: tells how it goes, and on which device.
        clock: a steady one, so that the node also speaks where time is simulated and nobody does it.
    """

    def __init__(
        self, node: Node, system: str, status: Callable[[], tuple[Status, str]], clock: Clock
    ) -> None:
        self._node, self._status = node, status
        self._name = f"{node.get_namespace().rstrip('/')}/{node.get_name()}: {system}"
        self._publisher = node.create_publisher(DiagnosticArray, "/diagnostics", 10)
        self._complained = False
        node.create_timer(PERIOD_S, self._report, clock=clock)

    def publish(self, status: Status, device: str = "") -> None:
        """Publish a status now."""
        stamp = self._node.get_clock().now().to_msg()
        self._publisher.publish(diagnostic_array(status, self._name, device, stamp))

    def _report(self) -> None:
        try:
            self.publish(*self._status())
        except Exception:
            # An exception in a timer would end the node; at the end there is no context any more.
            if self._node.context.ok() and not self._complained:
                self._complained = True
                _log.exception("the diagnostics cannot be published")


def diagnostic_array(status: Status, name: str, device: str, stamp: Time) -> DiagnosticArray:
    """Return the message for /diagnostics.

    Args:
        status: how it goes.
        name: fully qualified name of the node, and what it does.
        device: where the network runs; empty where there is none.
        stamp: now.
    """
    one = DiagnosticStatus(
        level=bytes([status.level]),
        name=name,
        message=status.message,
        hardware_id=device,
        values=[KeyValue(key=key, value=value) for key, value in status.values],
    )
    return DiagnosticArray(header=Header(stamp=stamp), status=[one])
