# SPDX-License-Identifier: Apache-2.0
"""What every reader gives: a list of pairs whose files are read when they are asked for."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Generic, Literal, NamedTuple, TypeVar

from foundation_stereo_ros.errors import FileFormatError
from foundation_stereo_ros.io.pictures import read_pair
from foundation_stereo_ros.shapes import Mask, RgbImage, ShiftMap

T = TypeVar("T")

Averaging = Literal["images", "pixels", "weights"]
"""How a dataset's own leaderboard makes one figure of many images: each counts the same, each of their pixels
counts the same, or by `StereoItem.weight`."""


@dataclass(frozen=True)
class Stored(Generic[T]):
    """A file, and the function that reads it."""

    path: Path
    reader: Callable[[Path], T]

    def read(self) -> T:
        """Read it now."""
        return self.reader(self.path)


class StereoNumbers(NamedTuple):
    """What a dataset says of a rectified pair's cameras; None where it does not.

    ``fx``: focal length, pixels; ``baseline``: metres; ``doffs``: cx_left - cx_right, pixels, as everywhere
    in this package; ``disparities``: a bound that all disparities of the pair stay below, pixels.
    """

    fx: float | None = None
    baseline: float | None = None
    doffs: float = 0.0
    disparities: int | None = None


@dataclass(frozen=True, eq=False)
class StereoSample:
    """One pair, read.

    Attributes:
        left, right: H x W x 3, rectified.
        disparity: H x W, pixels, x_left - x_right on the left image's grid, principal points not taken off;
            NaN where unknown, otherwise finite and not negative.
        nonoccluded: H x W, true where both cameras see the surface; None where the dataset does not say.
        numbers: of the cameras.
    """

    left: RgbImage
    right: RgbImage
    disparity: ShiftMap
    nonoccluded: Mask | None
    numbers: StereoNumbers


@dataclass(frozen=True)
class StereoItem:
    """Where the files of one pair are.

    Attributes:
        name: unique in its dataset, with slashes.
        left, right: images.
        truth: disparity of the left image.
        mask: what both cameras see.
        calibration: numbers of the cameras.
        weight: in the leaderboard's average.
    """

    name: str
    left: Path
    right: Path
    truth: Stored[ShiftMap]
    mask: Stored[Mask] | None = None
    calibration: Stored[StereoNumbers] | None = None
    weight: float = 1.0

    @property
    def paths(self) -> list[Path]:
        """All of its files."""
        others = (self.truth, self.mask, self.calibration)
        return [self.left, self.right, *(stored.path for stored in others if stored)]

    def load(self) -> StereoSample:
        """Read all files.

        Raises:
            FileFormatError: a file is missing or damaged, or their sizes differ; names the file.
        """
        left, right = read_pair(self.left, self.right)
        truth = self.truth.read()
        mask = self.mask.read() if self.mask else None
        numbers = self.calibration.read() if self.calibration else StereoNumbers()
        self._same_size(left, self.right, right)
        self._same_size(left, self.truth.path, truth)
        if self.mask and mask is not None:
            self._same_size(left, self.mask.path, mask)
        return StereoSample(left, right, truth, mask, numbers)

    def _same_size(self, left: RgbImage, path: Path, other: RgbImage | ShiftMap | Mask) -> None:
        if other.shape[:2] != left.shape[:2]:
            raise FileFormatError(
                f"{path} is {other.shape[1]} x {other.shape[0]} pixels; expected {left.shape[1]} x "
                f"{left.shape[0]} as {self.left}"
            )


@dataclass(frozen=True)
class StereoDataset:
    """The pairs below a folder.

    Attributes:
        title: for people, as "KITTI 2015".
        items: finds the pairs, one after the other; nothing of them is read yet.
        averaging: of its leaderboard.
        max_disparity: pixels; where the truth is this or more, it is customary not to count it.
    """

    title: str
    items: Callable[[], Iterator[StereoItem]]
    averaging: Averaging = "images"
    max_disparity: float = math.inf


@dataclass(frozen=True)
class DatasetOptions:
    """How to read a dataset, where it leaves a choice.

    Attributes:
        disparity_scale: what disparities in PNG files were multiplied with; 0: what the dataset uses.
        render: of Scene Flow's two pictures of a scene, ``final`` (blur, depth of field) or ``clean``.
        split: ``test`` (where there is one, otherwise all), ``train`` or ``all``.
    """

    disparity_scale: float = 0.0
    render: Literal["final", "clean"] = "final"
    split: Literal["test", "train", "all"] = "test"
