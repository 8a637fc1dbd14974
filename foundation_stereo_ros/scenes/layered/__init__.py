# SPDX-License-Identifier: Apache-2.0
"""Flat and curved layers, painted one over another, with exact disparity. Needs no torch."""
