# SPDX-License-Identifier: Apache-2.0
"""Batches for training: generated scenes, pairs from datasets, or both."""

from __future__ import annotations

from collections.abc import Iterator

import torch

from foundation_stereo_ros.scenes.raycast.generator import SceneGenerator, StereoBatch
from foundation_stereo_ros.train.config import TrainingConfig
from foundation_stereo_ros.train.data_config import GENERATED, LAYERED
from foundation_stereo_ros.train.distributed import ALONE, Place
from foundation_stereo_ros.train.feed.ahead import ahead, end
from foundation_stereo_ros.train.feed.dataset_pairs import DecodedPairs, DecodedSteps
from foundation_stereo_ros.train.feed.layered import PaintedSteps
from foundation_stereo_ros.train.feed.mixture import Mixture
from foundation_stereo_ros.train.feed.ray_cast import Feed, ReplayFeed


class MixedFeed:
    """Hands out one batch after another, put together from the run's sources.

    Args:
        config: of the run.
        generator: renders scenes; on the training device, and with its bound of disparities.
        first: step to begin at.
        place: of this process.

    Raises:
        ConfigError, FileFormatError: a dataset cannot be read.
    """

    def __init__(
        self, config: TrainingConfig, generator: SceneGenerator, first: int, place: Place = ALONE
    ) -> None:
        self._generator = generator
        mixture = Mixture(config, place)
        self._scenes: Feed | ReplayFeed | None = None
        self._others: list[Iterator[DecodedPairs | None]] = []
        kinds = {source.dataset for source in mixture.sources}
        cuda = generator.device.type == "cuda"
        if LAYERED in kinds:
            painted = PaintedSteps(config, mixture, first)
            self._others.append(ahead(painted, config.workers, pin=cuda))
        if kinds - set(GENERATED):
            self._others.append(ahead(DecodedSteps(config, mixture, first), config.workers, pin=cuda))
        if mixture.scenes_share:
            kind = ReplayFeed if config.reuse > 1 else Feed
            self._scenes = kind(config, generator, first, place)

    def next(self) -> StereoBatch:
        """Return the batch of the next step; ``occluded`` is None, ``camera`` NaN where nobody knows it."""
        rendered = self._scenes.next() if self._scenes else None
        made = [self._to_batch(pairs) for items in self._others if (pairs := next(items)) is not None]
        parts = made if rendered is None else [rendered, *made]
        if len(parts) == 1:
            return parts[0]
        names = ("left", "right", "disparity", "valid", "camera")
        joined = {name: torch.cat([getattr(part, name) for part in parts]) for name in names}
        return StereoBatch(**joined, occluded=None)

    def prepare(self) -> None:
        """Start on the batch after the one handed out; call it when the step's own work is under way."""
        if self._scenes:
            self._scenes.prepare()

    def close(self) -> None:
        """End the processes that render and decode."""
        if self._scenes:
            self._scenes.close()
        for items in self._others:
            end(items)

    def _to_batch(self, pairs: DecodedPairs) -> StereoBatch:
        left, right, truth = (part.to(self._generator.device, non_blocking=True) for part in pairs)
        valid = truth < self._generator.max_disparity  # not where it is NaN
        disparity = torch.where(truth.isfinite(), truth, 0.0)
        camera = torch.full((len(left), 4), torch.nan, device=left.device)
        return StereoBatch(left.float(), right.float(), disparity, valid, None, camera)
