# SPDX-License-Identifier: Apache-2.0
"""Values of 10, 12 or 14 bits that come in 16, as infrared and machine-vision cameras send them."""

from __future__ import annotations

from typing import Any

import cv2
import numpy as np
import numpy.typing as npt

_DEPTHS = (8, 10, 12, 14, 16)


class BitDepth:
    """How many bits the values of a stream use: the smallest usual depth that held all seen so far.

    It never shrinks, so that video flickers only while it grows, four times at most. The cameras of a rig
    share one, which keeps a surface equally bright in both images.

    Attributes:
        bits: 8 before the first image.
    """

    def __init__(self) -> None:
        self.bits = 8

    def note(self, values: npt.NDArray[Any], stated: int = 0) -> None:
        """Take an image into account.

        Args:
            values: H x W or H x W x channels; only uint16 tells something. Of 2 or 4 channels the last is
                alpha, and does not count.
            stated: bits that the sender says it uses; 0: it says nothing.
        """
        if values.dtype != np.uint16:
            return
        colors = values[..., :-1] if values.ndim == 3 and values.shape[2] in (2, 4) else values
        seen = int(colors.max(initial=0)).bit_length()
        self.bits = max(self.bits, stated, next(bits for bits in _DEPTHS if seen <= bits))

    def to_eight(self, values: npt.NDArray[Any]) -> npt.NDArray[Any]:
        """Return uint16 values as 0 to 255, where 255 is the depth's highest, rounded; others as they are."""
        if values.dtype != np.uint16:
            return values
        return np.asarray(cv2.convertScaleAbs(values, alpha=255 / (2**self.bits - 1))).reshape(values.shape)
