# SPDX-License-Identifier: Apache-2.0
"""Foreground masks: which pixels of a view take part.

An object that turns before a still background has to be told from it: the background would say that the
camera stands still.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import cv2
import numpy as np

from foundation_stereo_ros.errors import ImageError
from foundation_stereo_ros.shapes import Mask, RgbImage

_SMALL = 256  # longer sides below this lose one pixel of the rim, others two
_SATURATED = 250
_INVERTED = 0.9


def contracted(mask: Mask, pixels: int = -1) -> Mask:
    """Return a mask without its rim: there, pixels mix object and background.

    Args:
        mask: H x W. The image's border is no rim: a full mask stays full.
        pixels: how wide the rim is; -1: 2, or 1 if the image is smaller than 256.
    """
    if pixels < 0:
        pixels = 1 if max(mask.shape) < _SMALL else 2
    return _changed(cv2.erode, mask, pixels)


def grown(mask: Mask, pixels: int) -> Mask:
    """Return a mask with so many more pixels all around."""
    return _changed(cv2.dilate, mask, pixels)


def without_highlights(mask: Mask, image: RgbImage) -> Mask:
    """Return a mask without saturated pixels: a highlight belongs to the lamp and does not turn."""
    return np.asarray(mask & ~(image >= _SATURATED).all(axis=-1))


def covers_all(mask: Mask | None) -> bool:
    """Tell whether a mask leaves nothing out, as if there were none."""
    return mask is None or bool(mask.all())


def looks_inverted(mask: Mask) -> bool:
    """Tell whether a mask marks so much that it is probably the background."""
    return bool(_INVERTED < mask.mean() < 1)


def check_mask(name: str, mask: Mask | None, size: tuple[int, int]) -> None:
    """Refuse a mask that does not have the view's size.

    Args:
        name: of the view.
        mask: None: there is none.
        size: height and width.

    Raises:
        ImageError: names the view and both sizes.
    """
    if mask is not None and (mask.shape != size or mask.dtype != np.bool_):
        raise ImageError(
            f"the mask of {name} is {mask.dtype} {mask.shape}; expected bool {size}, the view's height and "
            "width"
        )


def _changed(change: Callable[..., Any], mask: Mask, pixels: int) -> Mask:
    square = np.ones((3, 3), np.uint8)
    return np.asarray(change(mask.astype(np.uint8), square, iterations=pixels), bool)
