# SPDX-License-Identifier: Apache-2.0
"""Part of a ROS 2 graph without a ROS installation: the wire protocol (DDS) by Eclipse Cyclone DDS.

``wire`` is a node with its publishers and subscriptions (``endpoints``). ``environment``, ``conventions``,
``qos`` and ``wire_types`` make it look like one of ROS's; ``graph`` tells who else is there, and tells the
others of it. ``stereo_live`` connects the live core to it, by ``cameras`` and ``live_topics``; it is the
sibling of the package ``node``. ``player`` and ``recorder`` connect recordings. The only package that imports
``cyclonedds``.
"""
