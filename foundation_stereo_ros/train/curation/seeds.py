# SPDX-License-Identifier: Apache-2.0
"""Which seeds a training run takes: fresh ones without end, or those of a keep-list, over and over."""

from __future__ import annotations

import dataclasses
import functools
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np

from foundation_stereo_ros.errors import ConfigError
from foundation_stereo_ros.scenes.seeds import epoch_seed, training_seeds
from foundation_stereo_ros.train.config import TrainingConfig
from foundation_stereo_ros.train.curation.keep_list import difference, read_keep_list

SeedSource = Callable[[int, int], list[int]]
"""(step, size of all steps) -> the seeds of that step; the same ones whenever it is asked."""


def seed_source(config: TrainingConfig, height: int, width: int) -> SeedSource:
    """Return where a run takes its seeds from.

    Args:
        config: of the run.
        height, width: of the pictures that are rendered, pixels.

    Raises:
        ConfigError: the keep-list keeps nothing, or its seeds mean other scenes than those of the run.
        FileFormatError: it cannot be read.
    """
    if not config.keep:
        return functools.partial(training_seeds, config.seed)
    return KeptSeeds(kept_seeds(config, height, width), config.seed)


def kept_seeds(config: TrainingConfig, height: int, width: int) -> list[int]:
    """Return what the run's keep-list keeps; arguments and errors as `seed_source` has them."""
    found = read_keep_list(Path(config.keep))
    wanted = {"scenes": dataclasses.asdict(config.scenes), "height": height, "width": width}
    made = {} if found.recipe is None else found.recipe.to_dict()
    unlike = difference({name: made.get(name) for name in wanted}, wanted) if made else None
    if unlike:
        raise ConfigError(
            f"keep-list {config.keep} was made for other scenes: its {unlike} as in this run;"
            " expected one made with this run's settings"
        )
    seeds = [score.seed for score in found.scores if score.kept]
    if not seeds:
        raise ConfigError(f"keep-list {config.keep} keeps none of {len(found.scores)} seeds; expected some")
    return seeds


class KeptSeeds:
    """Takes each seed once in an epoch, in another order each time.

    Args:
        seeds: to take.
        run: seed of the run, on which the orders depend.
    """

    def __init__(self, seeds: Sequence[int], run: int) -> None:
        self._seeds, self._run = list(seeds), run
        self._epoch, self._order = -1, [0]

    def __call__(self, step: int, batch: int) -> list[int]:
        """Return the seeds of a step, all steps being of that size."""
        return [self._at(step * batch + index) for index in range(batch)]

    def _at(self, number: int) -> int:
        epoch, place = divmod(number, len(self._seeds))
        if epoch != self._epoch:
            order = np.random.default_rng(epoch_seed(self._run, epoch)).permutation(len(self._seeds))
            self._epoch, self._order = epoch, order.tolist()
        return self._seeds[self._order[place]]
