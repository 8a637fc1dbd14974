# SPDX-License-Identifier: Apache-2.0
"""FoundationStereo for ROS 2: stereo images in; disparity, depth and point cloud out."""

__version__ = "0.1.0"
