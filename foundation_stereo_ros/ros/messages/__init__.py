# SPDX-License-Identifier: Apache-2.0
"""Messages: their bytes, their fields, and the names of their topics.

Fields become arrays and back by their names alone, without ROS: the messages of rclpy and those that ``cdr``
reads from bytes have the same fields. Which classes to build comes in as `types.MessageTypes`. ``topics`` has
the rules for names, and ``stereo_topics`` finds the stereo pair.
"""
