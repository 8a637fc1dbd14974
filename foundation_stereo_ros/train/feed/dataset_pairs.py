# SPDX-License-Identifier: Apache-2.0
"""Batches of pairs from datasets on disk; they depend on the run's seed and the step alone."""

from __future__ import annotations

import logging
from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor
from torch.utils.data import Dataset

from foundation_stereo_ros.datasets.dataset import StereoItem, StereoSample
from foundation_stereo_ros.errors import FileFormatError
from foundation_stereo_ros.train.config import TrainingConfig
from foundation_stereo_ros.train.data_config import GENERATED, TrainingSource
from foundation_stereo_ros.train.feed.crops import Crop, random_crop
from foundation_stereo_ros.train.feed.mixture import Mixture

_log = logging.getLogger(__name__)
_ATTEMPTS = 8


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
        """Read a pair; one that cannot be read is passed over for its neighbour, with a warning.

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
                _log.warning("passed over %s of %s: %s", item.name, self._name, error)
        raise last

    def _item(self, number: int) -> StereoItem:
        epoch, place = divmod(number, len(self._items))
        if epoch != self._epoch:
            order = np.random.default_rng((*self._seeds, epoch)).permutation(len(self._items))
            self._epoch, self._order = epoch, order
        return self._items[int(self._order[place])]


class DecodedSteps(Dataset[DecodedPairs | None]):
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

    def __len__(self) -> int:
        return 1 << 30

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
