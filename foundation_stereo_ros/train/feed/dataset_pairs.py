# SPDX-License-Identifier: Apache-2.0
"""Batches of pairs from datasets on disk; they depend on the run's seed and the step alone.

Of each pair they show a random part at a random size (as RAFT-Stereo trains).
"""

from __future__ import annotations

import logging
from typing import NamedTuple

import cv2
import numpy as np
import torch
from torch import Tensor

from foundation_stereo_ros.datasets.dataset import StereoItem, StereoSample
from foundation_stereo_ros.errors import FileFormatError
from foundation_stereo_ros.shapes import RgbImage, ShiftMap
from foundation_stereo_ros.train.config import TrainingConfig
from foundation_stereo_ros.train.data_config import GENERATED, CropConfig, TrainingSource
from foundation_stereo_ros.train.feed.ahead import Endless
from foundation_stereo_ros.train.feed.mixture import Mixture

_SURFACE = 1.0
_FAR = 1e9
_log = logging.getLogger(__name__)
_ATTEMPTS = 8


class Crop(NamedTuple):
    """H x W of a pair: images, and disparity in pixels of that size, NaN where unknown."""

    left: RgbImage
    right: RgbImage
    disparity: ShiftMap


def random_crop(
    sample: StereoSample, height: int, width: int, config: CropConfig, rng: np.random.Generator
) -> Crop:
    """Resize, cut out, and turn upside down.

    Args:
        sample: a pair; one that is too small is enlarged until the crop fits.
        height, width: of the crop, pixels.
        config: what chance may do.
        rng: decides everything.
    """
    rows, columns = sample.left.shape[:2]
    scale = 2 ** rng.uniform(config.scale_low, config.scale_high)
    stretch = 2 ** (rng.uniform(-config.stretch, config.stretch) * (rng.random() < config.stretch_chance))
    scale = max(scale, height / rows, width / columns)
    size = max(height, round(rows * scale)), max(width, round(columns * scale * stretch))
    top, start = (
        int(rng.integers(0, whole - part + 1)) for whole, part in zip(size, (height, width), strict=True)
    )
    step = -1 if rng.random() < config.flip else 1  # upside down, rows are still epipolar lines
    window = slice(top, top + height), slice(start, start + width)
    return Crop(
        np.ascontiguousarray(resize_image(sample.left, *size)[window][::step]),
        np.ascontiguousarray(resize_image(sample.right, *size)[window][::step]),
        np.ascontiguousarray(resize_disparity(sample.disparity, *size)[window][::step]),
    )


def resize_image(image: RgbImage, rows: int, columns: int) -> RgbImage:
    """Resize H x W x 3; pixels' borders stay on pixels' borders."""
    if image.shape[:2] == (rows, columns):
        return image
    shrinks = rows <= image.shape[0] and columns <= image.shape[1]
    method = cv2.INTER_AREA if shrinks else cv2.INTER_LINEAR
    return np.asarray(cv2.resize(image, (columns, rows), interpolation=method), np.uint8)


def resize_disparity(disparity: ShiftMap, rows: int, columns: int) -> ShiftMap:
    """Resize H x W, and change the disparities as their pixels' width.

    Between known neighbours on one surface it is interpolated linearly; elsewhere the nearest pixel is
    taken, known or not, since a mean of two surfaces is on neither.
    """
    if disparity.shape == (rows, columns):
        return disparity
    y, x = _nearest(disparity.shape[0], rows)[:, None], _nearest(disparity.shape[1], columns)
    known = np.isfinite(disparity)
    window = np.ones((3, 3), np.uint8)
    high = cv2.dilate(np.where(known, disparity, _FAR), window)
    low = cv2.erode(np.where(known, disparity, -_FAR), window)
    surface = (high - low < _SURFACE)[y, x]
    linear = cv2.resize(np.where(known, disparity, 0), (columns, rows), interpolation=cv2.INTER_LINEAR)
    factor = columns / disparity.shape[1]
    return np.asarray(np.where(surface, linear, disparity[y, x]) * factor, np.float32)


def _nearest(before: int, after: int) -> np.ndarray:
    """Return which of ``before`` pixels holds the middle of each of ``after`` ones."""
    places = np.floor((np.arange(after) + 0.5) * before / after).astype(np.intp)
    return np.minimum(places, before - 1)


class DecodedPairs(NamedTuple):
    """B pairs on the CPU, small to send: B x 3 x H x W bytes, and B x 1 x H x W pixels, NaN where unknown."""

    left: Tensor
    right: Tensor
    disparity: Tensor


class Shelf:
    """The pairs of one dataset, each once in an epoch, in another order each time.

    Args:
        source: the dataset; its first pair is read at once, so that a wrong layout or scale shows.
        seeds: the orders depend on these.

    Raises:
        ConfigError: an option makes no difference to this dataset.
        FileFormatError: it is not there, or not laid out so.
    """

    def __init__(self, source: TrainingSource, seeds: tuple[int, ...]) -> None:
        self._name, self._items, self._seeds = source.dataset, source.open("train")[1], seeds
        self._epoch, self._order = -1, np.zeros(0, np.intp)
        self._items[0].load()

    def read(self, number: int) -> StereoSample:
        """Read a pair; one that cannot be read is skipped for its neighbour, with a warning.

        Args:
            number: among those taken from here in the whole run.

        Raises:
            FileFormatError: neither it nor several neighbours can be read.
        """
        for attempt in range(_ATTEMPTS):
            item = self._item(number + attempt)
            try:
                return item.load()
            except FileFormatError as error:
                last = error
                _log.warning("skipped %s of %s: %s", item.name, self._name, error)
        raise last

    def _item(self, number: int) -> StereoItem:
        epoch, place = divmod(number, len(self._items))
        if epoch != self._epoch:
            order = np.random.default_rng((*self._seeds, epoch)).permutation(len(self._items))
            self._epoch, self._order = epoch, order
        return self._items[int(self._order[place])]


class DecodedSteps(Endless[DecodedPairs | None]):
    """Of each step, from a first one on, the pairs from datasets; None in a step that has none.

    Args:
        config: of the run.
        mixture: says which pairs.
        first: step.

    Raises:
        ConfigError, FileFormatError: as `Shelf`.
    """

    def __init__(self, config: TrainingConfig, mixture: Mixture, first: int) -> None:
        self._config, self._mixture, self._first = config, mixture, first
        self._shelves = {
            place: Shelf(source, (config.seed, place))
            for place, source in enumerate(mixture.sources)
            if source.dataset not in GENERATED
        }

    def __getitem__(self, index: int) -> DecodedPairs | None:
        crops = [self._crop(*found) for found in self._mixture.stored(self._first + index)]
        if not crops:
            return None
        left, right = (torch.stack([_image(crop[view]) for crop in crops]) for view in (0, 1))
        disparity = torch.stack([torch.from_numpy(crop.disparity)[None] for crop in crops])
        return DecodedPairs(left, right, disparity)

    def _crop(self, source: int, number: int) -> Crop:
        c = self._config
        rng = np.random.default_rng((c.seed, source, number, 1))
        return random_crop(self._shelves[source].read(number), c.height, c.width, c.crops, rng)


def _image(pixels: np.ndarray) -> Tensor:
    return torch.from_numpy(pixels).permute(2, 0, 1)
