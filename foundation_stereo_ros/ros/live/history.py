# SPDX-License-Identifier: Apache-2.0
"""How many messages a live shell has kept of a topic (the depth of ROS's quality of service)."""

IMAGES_DEPTH = 5

RESULTS_DEPTH = 10
"""With a depth of two, clouds were replaced while they were still being sent, and a reliable reader of
Fast DDS 2.14 then handed thousands of empty messages on."""
