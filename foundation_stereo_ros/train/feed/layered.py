# SPDX-License-Identifier: Apache-2.0
"""Painted scenes as batches, with the interface of the ray-casting generator."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch
from torch import Tensor

from foundation_stereo_ros.scenes.layered.config import LayeredConfig
from foundation_stereo_ros.scenes.layered.painter import LayeredPair, LayeredScenes
from foundation_stereo_ros.scenes.raycast.generator import StereoBatch
from foundation_stereo_ros.scenes.seeds import training_seeds
from foundation_stereo_ros.train.config import TrainingConfig
from foundation_stereo_ros.train.data_config import LAYERED
from foundation_stereo_ros.train.feed.ahead import Endless
from foundation_stereo_ros.train.feed.dataset_pairs import DecodedPairs
from foundation_stereo_ros.train.feed.mixture import Mixture


class LayeredGenerator:
    """Makes stereo pairs of painted scenes; a pair depends on its seed and size alone.

    Args:
        config: what scenes are like.
        device: where batches go; painting is done on the CPU.
        max_disparity: bound for `StereoBatch.valid`, pixels.
    """

    def __init__(
        self,
        config: LayeredConfig | None = None,
        device: torch.device | str = "cpu",
        max_disparity: float = 192.0,
    ) -> None:
        self.device, self.max_disparity = torch.device(device), max_disparity
        self._scenes = LayeredScenes(config)

    def generate(
        self, seed: int | Sequence[int], batch: int = 1, height: int = 384, width: int = 640
    ) -> StereoBatch:
        """Paint pairs, as `SceneGenerator.generate` renders them; ``camera`` is NaN: there is none."""
        seeds = [seed + index for index in range(batch)] if isinstance(seed, int) else list(seed)
        pairs = [self._scenes.pair(one, height, width) for one in seeds]
        found = stacked(pairs)
        disparity = found.disparity.to(self.device)
        occluded = torch.from_numpy(np.stack([pair.occluded for pair in pairs]))[:, None].to(self.device)
        camera = torch.full((len(pairs), 4), torch.nan, device=self.device)
        left, right = (view.to(self.device).float() for view in (found.left, found.right))
        return StereoBatch(left, right, disparity, disparity < self.max_disparity, occluded, camera)


class PaintedSteps(Endless[DecodedPairs | None]):
    """Of each step, from a first one on, the painted pairs; None in a step that has none.

    They depend on the run's seed and the step alone.

    Args:
        config: of the run.
        mixture: says which pairs.
        first: step.
    """

    def __init__(self, config: TrainingConfig, mixture: Mixture, first: int) -> None:
        self._config, self._mixture, self._first = config, mixture, first
        self._scenes = LayeredScenes(config.layered)

    def __getitem__(self, index: int) -> DecodedPairs | None:
        c = self._config
        numbers = self._mixture.numbers(self._first + index, LAYERED)
        seeds = [training_seeds(c.seed, number, 1)[0] for number in numbers]
        return stacked([self._scenes.pair(seed, c.height, c.width) for seed in seeds]) if seeds else None


def stacked(pairs: Sequence[LayeredPair]) -> DecodedPairs:
    """Return pairs as tensors: B x 3 x H x W bytes, and B x 1 x H x W pixels."""

    def images(views: list[np.ndarray]) -> Tensor:
        return torch.from_numpy(np.stack(views)).permute(0, 3, 1, 2).contiguous()

    disparity = torch.from_numpy(np.stack([pair.disparity for pair in pairs]))[:, None]
    return DecodedPairs(images([p.left for p in pairs]), images([p.right for p in pairs]), disparity)
