# SPDX-License-Identifier: Apache-2.0
"""What speaks ROS: messages, recordings, live topics, with and without a ROS installation."""
