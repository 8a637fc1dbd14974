# SPDX-License-Identifier: Apache-2.0
"""Cameras and depth from views without poses."""
