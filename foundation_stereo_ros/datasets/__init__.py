# SPDX-License-Identifier: Apache-2.0
"""Stereo pairs in files, with ground truth: the layouts of the public datasets, and their file formats."""
