# SPDX-License-Identifier: Apache-2.0
"""The ROS 2 node: a thin layer of rclpy around the live core. The only package that imports ROS."""
