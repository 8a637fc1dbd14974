# SPDX-License-Identifier: Apache-2.0
"""Batches for a device that trains faster than it renders: every rendered pair is used several times.

On a CPU, workers render the pairs beside the training.
Each use shows another part of the pair, upright or upside down, and the augmentation after it differs as
well.
"""

from __future__ import annotations

import random
from collections import deque

import torch
from torch import Tensor

from foundation_stereo_ros.scenes.raycast.generator import SceneGenerator, StereoBatch
from foundation_stereo_ros.scenes.seeds import step_seed
from foundation_stereo_ros.train.config import TrainingConfig
from foundation_stereo_ros.train.feed.mixture import Mixture
from foundation_stereo_ros.train.feed.ray_cast import RenderedPairs, ahead, end
from foundation_stereo_ros.train.place import ALONE, Place

_CAPACITY = 192
_AT_FIRST = 24
_MARGIN = 4 / 3  # rendered size over the size of a crop


def rendered_size(config: TrainingConfig) -> tuple[int, int]:
    """Return height and width of the pairs that a run renders, pixels: larger than its crops, with
    ``reuse``."""
    if config.reuse == 1:
        return config.height, config.width
    return 32 * round(config.height * _MARGIN / 32), 32 * round(config.width * _MARGIN / 32)


class ReplayFeed:
    """Hands out one batch of crops after another, from the pairs rendered last.

    Args:
        config: of the run; its ``reuse`` is how often a pair is used on average.
        generator: renders; on the training device.
        first: step to begin at. A resumed run fills its pool anew, with pairs from about where it stopped.
        place: of this process.
    """

    def __init__(
        self, config: TrainingConfig, generator: SceneGenerator, first: int, place: Place = ALONE
    ) -> None:
        self._config, self._generator, self._step = config, generator, first
        self._mixture = Mixture(config, place)
        self._random = random.Random(step_seed(config.seed, first * place.world + place.rank))
        self._pairs: deque[StereoBatch] = deque(maxlen=_CAPACITY)
        number = int(first * config.batch * self._mixture.scenes_share) // config.reuse
        workers = config.workers if generator.device.type == "cpu" else 0
        rendered = RenderedPairs(config, generator, number, rendered_size(config), place)
        self._rendered = ahead(rendered, workers)
        self._owed = _AT_FIRST * config.reuse  # uses that no pair has been rendered for

    def next(self) -> StereoBatch | None:
        """Return the scenes of the next step, of the config's height and width; None if it has none.

        ``occluded`` is None and ``camera`` is that of the uncropped pairs.
        """
        count = len(self._mixture.scenes(self._step))
        self._step += 1
        if not count:
            return None
        self._owed += count
        while self._owed >= self._config.reuse:
            self._pairs.append(next(self._rendered))
            self._owed -= self._config.reuse
        crops = [self._crop(self._random.choice(self._pairs)) for _ in range(count)]
        left, right, disparity, valid, camera = (torch.cat(parts) for parts in zip(*crops, strict=True))
        return StereoBatch(left, right, disparity, valid, None, camera)

    def prepare(self) -> None:
        """Do nothing: `Feed` renders ahead here."""

    def close(self) -> None:
        """End the processes that render."""
        end(self._rendered)

    def _crop(self, pair: StereoBatch) -> tuple[Tensor, ...]:
        c = self._config
        top = self._random.randint(0, pair.left.shape[-2] - c.height)
        start = self._random.randint(0, pair.left.shape[-1] - c.width)
        parts = (pair.left, pair.right, pair.disparity, pair.valid)
        crops = [x[..., top : top + c.height, start : start + c.width] for x in parts]
        if self._random.random() < 0.5:
            crops = [x.flip(-2) for x in crops]  # upside down, rows are still epipolar lines
        return *crops, pair.camera
