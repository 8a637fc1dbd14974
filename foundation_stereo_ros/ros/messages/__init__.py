# SPDX-License-Identifier: Apache-2.0
"""Message fields to arrays and back, by the fields' names alone.

Nothing here imports ROS: the messages of rclpy and those of a bag reader have the same fields. What to build
comes in as `types.MessageTypes`.
"""
