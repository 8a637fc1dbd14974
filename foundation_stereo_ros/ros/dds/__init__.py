# SPDX-License-Identifier: Apache-2.0
"""Part of a ROS 2 graph without a ROS installation: the wire protocol (DDS) by Eclipse Cyclone DDS.

``wire`` is a participant with its publishers and subscriptions, as ``names``, ``qos``, ``wire_types`` and
``presence`` make them look like ROS's; ``graph`` tells who else is there. ``stereo_live`` is the live core's
shell here, the sibling of ``node``; ``player`` and ``recorder`` connect recordings. The only room that meets
``cyclonedds``.
"""
