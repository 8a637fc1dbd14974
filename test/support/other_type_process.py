# SPDX-License-Identifier: Apache-2.0
"""A reader and a writer of the topic /a until stdin ends; their type has a name of ROS and fields of its own.

Cyclone DDS describes it to others, as Fast DDS 3 does with its types.
"""

from __future__ import annotations

import sys

from cyclonedds.domain import Domain, DomainParticipant
from cyclonedds.idl import make_idl_struct
from cyclonedds.idl.types import uint16
from cyclonedds.pub import DataWriter
from cyclonedds.sub import DataReader
from cyclonedds.topic import Topic

from foundation_stereo_ros.ros.dds.environment import wire_settings


def main() -> None:
    settings = wire_settings()
    domain = Domain(settings.domain, settings.configuration)
    participant = DomainParticipant(settings.domain)
    kind = make_idl_struct("String_", "std_msgs::msg::dds_::String_", {"number": uint16})
    topic = Topic(participant, "rt/a", kind)
    ends = (domain, DataReader(participant, topic), DataWriter(participant, topic))
    sys.stdin.read()
    del ends


if __name__ == "__main__":
    main()
