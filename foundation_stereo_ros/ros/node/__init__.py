# SPDX-License-Identifier: Apache-2.0
"""The live ROS 2 node: a thin shell of rclpy around the live core. The only room that meets ROS."""
