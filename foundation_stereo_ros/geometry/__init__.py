# SPDX-License-Identifier: Apache-2.0
"""Cameras, disparity, depth and points as numbers: no messages, no files.

Frames follow REP 103 (optical: x right, y down, z forward), lengths are metres, pixel (0, 0) is the centre
of the upper left pixel.
"""
