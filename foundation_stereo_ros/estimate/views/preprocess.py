# SPDX-License-Identifier: Apache-2.0
"""Images, cameras and masks to the grid that the network takes, and back."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TypeVar

import numpy as np
import numpy.typing as npt

from foundation_stereo_ros.errors import ConfigError, ImageError
from foundation_stereo_ros.geometry.camera import Camera
from foundation_stereo_ros.shapes import Mask, RgbImage

SIZE = 512
"""Pixels of the long edge that the published network was trained with."""

_HALF = 8  # half of a token's patch
_LANCZOS, _BICUBIC = 3, 2  # how many pixels the filters reach
_BITS = 22  # behind the binary point of a filter's weights, as Pillow has them

Pixels = npt.NDArray[np.float64]
_T = TypeVar("_T", bound=np.generic)


@dataclass(frozen=True)
class NetworkGrid:
    """How an image became the one that the network sees: resized, then cropped around its middle.

    Pixel coordinates are those of pixel centres: the first one is 0.

    Attributes:
        source: width and height of the image.
        resized: width and height after resizing; the two scales differ by rounding.
        left: columns of the resized image that are cut off at the left.
        top: rows that are cut off at the top.
        width: columns of the grid, a multiple of 16.
        height: rows of the grid, a multiple of 16.
    """

    source: tuple[int, int]
    resized: tuple[int, int]
    left: int
    top: int
    width: int
    height: int

    @classmethod
    def of_image(cls, width: int, height: int, size: int = SIZE) -> NetworkGrid:
        """Return the grid for images of a size.

        The long edge becomes ``size``; then both sides are cut to multiples of 16, and a square to 4:3.

        Args:
            width: of the image.
            height: of the image.
            size: pixels of the long edge; at least 16.

        Raises:
            ConfigError: the size is less than 16.
            ImageError: the image is so narrow that no 16 pixels of its short side are left.
        """
        if size < 2 * _HALF:
            raise ConfigError(f"size is {size}; expected at least {2 * _HALF} pixels")
        longest = max(width, height)
        resized = (round(width * size / longest), round(height * size / longest))
        across, down = (side // 2 for side in resized)
        half_width, half_height = (2 * half // (2 * _HALF) * _HALF for half in (across, down))
        if resized[0] == resized[1]:
            half_height = 3 * half_width // 4 // _HALF * _HALF
        if not (half_width and half_height):
            raise ImageError(
                f"image is {width} x {height} pixels, {resized[0]} x {resized[1]} with a long edge of "
                f"{size}; expected at least {2 * _HALF} on the short side"
            )
        left, top = across - half_width, down - half_height
        return cls((width, height), resized, left, top, 2 * half_width, 2 * half_height)

    @property
    def scale(self) -> tuple[float, float]:
        """Pixels of the grid in one of the image, horizontally and vertically."""
        return self.resized[0] / self.source[0], self.resized[1] / self.source[1]

    def image(self, image: RgbImage) -> RgbImage:
        """Return an image on the grid: Lanczos to a smaller one, bicubic otherwise, as Pillow does it.

        Raises:
            ImageError: another size, or no 8-bit colours.
        """
        if image.dtype != np.uint8 or image.shape[2:] != (3,):
            raise ImageError(f"image is {image.shape} of {image.dtype}; expected H x W x 3 of uint8")
        self._check(image.shape, "image")
        reach = _LANCZOS if max(self.source) > max(self.resized) else _BICUBIC
        across = _resampled(image.transpose(1, 0, 2), self.resized[0], reach).transpose(1, 0, 2)
        return np.ascontiguousarray(self._cropped(_resampled(across, self.resized[1], reach)))

    def mask(self, mask: Mask) -> Mask:
        """Return a mask on the grid, the nearest pixel's value.

        Raises:
            ImageError: another size.
        """
        self._check(mask.shape, "mask")
        columns, rows = (
            ((np.arange(new) + 0.5) * old / new).astype(np.int64)
            for new, old in zip(self.resized, self.source, strict=True)
        )
        return np.ascontiguousarray(self._cropped(mask[rows[:, None], columns]))

    def camera(self, camera: Camera) -> Camera:
        """Return the camera of the grid from that of the image, without distortion.

        Raises:
            ImageError: it is the camera of another size.
        """
        self._check((camera.height, camera.width), "camera")
        (x, y), (cx, cy) = self.scale, self.to_grid(np.array([camera.cx, camera.cy]))
        size = {"width": self.width, "height": self.height}
        return replace(camera, **size, fx=camera.fx * x, fy=camera.fy * y, cx=float(cx), cy=float(cy))

    def source_camera(self, camera: Camera) -> Camera:
        """Return the camera of the image from that of the grid."""
        (x, y), (cx, cy) = self.scale, self.to_source(np.array([camera.cx, camera.cy]))
        size = {"width": self.source[0], "height": self.source[1]}
        return replace(camera, **size, fx=camera.fx / x, fy=camera.fy / y, cx=float(cx), cy=float(cy))

    def to_grid(self, pixels: Pixels) -> Pixels:
        """Return where pixels of the image, ... x 2 as column and row, are on the grid."""
        return (pixels + 0.5) * self.scale - 0.5 - (self.left, self.top)

    def to_source(self, pixels: Pixels) -> Pixels:
        """Return where pixels of the grid, ... x 2 as column and row, are in the image."""
        return (pixels + (self.left, self.top) + 0.5) / self.scale - 0.5

    def _check(self, shape: tuple[int, ...], what: str) -> None:
        if shape[:2] != self.source[::-1]:
            found = " x ".join(str(side) for side in shape[1::-1])
            raise ImageError(f"{what} is {found} pixels; expected {self.source[0]} x {self.source[1]}")

    def _cropped(self, image: npt.NDArray[_T]) -> npt.NDArray[_T]:
        return image[self.top : self.top + self.height, self.left : self.left + self.width]


def _resampled(image: npt.NDArray[np.uint8], size: int, reach: int) -> npt.NDArray[np.uint8]:
    """Resize the first axis with whole-number weights, rounded as Pillow rounds them."""
    length = len(image)
    if size == length:
        return image
    scale = length / size
    stretch = max(scale, 1.0)  # towards a smaller image, the filter widens with it
    middles = (np.arange(size) + 0.5) * scale
    begin = np.maximum(middles - reach * stretch + 0.5, 0).astype(np.int64)
    end = np.minimum(middles + reach * stretch + 0.5, length).astype(np.int64)
    taps = begin[:, None] + np.arange((end - begin).max())
    weights = _filter((taps - middles[:, None] + 0.5) / stretch, reach) * (taps < end[:, None])
    weights /= weights.sum(1, keepdims=True)
    whole = np.trunc(weights * 2**_BITS + np.copysign(0.5, weights))
    flat = image.reshape(length, -1)
    resized = np.empty((size, flat.shape[1]), np.uint8)
    for row, start, stop, weight in zip(resized, begin, end, whole, strict=True):
        # Whole numbers below 2^53: float64 multiplies them exactly, and many times faster than integers.
        total = weight[: stop - start] @ flat[start:stop].astype(np.float64) + (1 << (_BITS - 1))
        row[:] = (total.astype(np.int64) >> _BITS).clip(0, 255)
    return resized.reshape(size, *image.shape[1:])


def _filter(x: npt.NDArray[np.float64], reach: int) -> npt.NDArray[np.float64]:
    x = np.abs(x)
    if reach == _LANCZOS:
        return np.where(x < reach, np.sinc(x) * np.sinc(x / reach), 0.0)
    near, far = (1.5 * x - 2.5) * x * x + 1, ((-0.5 * x + 2.5) * x - 4) * x + 2
    return np.where(x < 1, near, np.where(x < reach, far, 0.0))
