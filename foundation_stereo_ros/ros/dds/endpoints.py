# SPDX-License-Identifier: Apache-2.0
"""A topic that messages are published on."""

from __future__ import annotations

from typing import Any

from cyclonedds.core import DDSException
from cyclonedds.pub import DataWriter

from foundation_stereo_ros.errors import WireError
from foundation_stereo_ros.ros.dds.engine import write
from foundation_stereo_ros.ros.dds.qos import policy_name


class Publisher:
    """Publishes messages that are already encoded.

    Args:
        topic: full name in ROS.
        msgtype: as in "sensor_msgs/msg/Image".
        writer: of that topic, with a type out of `wire_types`.

    Attributes:
        refused: how many messages were not sent because a reliable subscriber did not keep up.
    """

    def __init__(self, topic: str, msgtype: str, writer: DataWriter[Any]) -> None:
        self.topic, self.msgtype, self.writer = topic, msgtype, writer
        self.refused = 0

    @property
    def subscribers(self) -> int:
        """How many subscribers there are now."""
        return int(self.writer.get_publication_matched_status().current_count)

    def publish(self, data: bytes | bytearray | memoryview) -> None:
        """Publish a message: its CDR with the four bytes before it.

        Raises:
            WireError: it is no such message, or the participant is closed.
        """
        try:
            self.refused += not write(self.writer, data)
        except DDSException as error:
            raise WireError(f"{self.topic}: a {self.msgtype} could not be sent: {error}") from error

    def incompatible(self) -> str:
        """Return the policy on which a subscriber differs that came since the last call; empty: none."""
        status = self.writer.get_offered_incompatible_qos_status()
        return policy_name(status.last_policy_id) if status.total_count_change > 0 else ""

    def wait_for_acknowledgments(self, timeout: float) -> bool:
        """Wait until reliable subscribers have all messages; return whether they do after so many seconds."""
        try:
            return bool(self.writer.wait_for_acks(round(timeout * 1e9)))
        except (DDSException, AttributeError):
            # The package's own mapping of "timed out" fails in some releases.
            return False
