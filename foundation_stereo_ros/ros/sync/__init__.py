# SPDX-License-Identifier: Apache-2.0
"""Streams of images and calibrations put together into samples; the same for recordings and live topics."""
