# SPDX-License-Identifier: Apache-2.0
"""Streams of images and calibrations put together into sets; the same for recordings and live topics.

``synchronizer`` is what others use; ``matching`` and ``calibrations`` are its two halves. None of them knows
which streams there are, how many, or what a message looks like. Here are the names of a stereo pair's.
"""

from __future__ import annotations

from typing import Literal

Side = Literal["left", "right"]
SIDES: tuple[Side, Side] = ("left", "right")
