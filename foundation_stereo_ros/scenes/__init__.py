# SPDX-License-Identifier: Apache-2.0
"""Generated stereo pairs with exact truth, painted from layers. Knows NumPy and OpenCV alone."""
