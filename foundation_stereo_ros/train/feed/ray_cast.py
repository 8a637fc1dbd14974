# SPDX-License-Identifier: Apache-2.0
"""Batches of ray-cast scenes: planned by other processes, if wanted, and rendered on the training device.

On a CPU those processes render as well, while this one trains. For a device that trains faster than it
renders, every rendered pair is used several times: each use shows another part of the pair, upright or upside
down, and the augmentation after it differs as well.
"""

from __future__ import annotations

import random
from collections import deque

import torch
from torch import Tensor

from foundation_stereo_ros.scenes.raycast.generator import Plan, SceneGenerator, StereoBatch, plan
from foundation_stereo_ros.scenes.seeds import step_seed
from foundation_stereo_ros.train.config import TrainingConfig
from foundation_stereo_ros.train.curation.seeds import seed_source
from foundation_stereo_ros.train.distributed import ALONE, Place
from foundation_stereo_ros.train.feed.ahead import Endless, ahead, end
from foundation_stereo_ros.train.feed.mixture import Mixture

_CAPACITY = 192
_AT_FIRST = 24
_MARGIN = 4 / 3  # rendered size over the size of a crop


class PlannedSteps(Endless[Plan | None]):
    """The scenes of each step from a first one on; they depend on the run's seed and the step alone.

    A step that has none is None.

    Args:
        config: of the run.
        first: step to begin at.
        place: of this process.
    """

    def __init__(self, config: TrainingConfig, first: int, place: Place) -> None:
        self._config, self._first, self._place = config, first, place
        self._mixture = Mixture(config, place)
        self._seeds = seed_source(config, config.height, config.width)

    def __getitem__(self, index: int) -> Plan | None:
        c, step, everybody = self._config, self._first + index, self._config.batch * self._place.world
        seeds = self._seeds(step, everybody)  # of all processes
        mine = [seeds[number - step * everybody] for number in self._mixture.scenes(step)]
        return plan(c.scenes, mine, c.height, c.width) if mine else None


class RenderedPairs(Endless[StereoBatch]):
    """Rendered pairs from a first one on, one by one; each depends on the run's seed and its number alone.

    Args:
        config: of the run.
        generator: renders, in whichever process asks; on a CPU.
        first: number of the first pair.
        size: height and width of the pictures, pixels.
        place: of this process; those that train together take turns.
    """

    def __init__(
        self,
        config: TrainingConfig,
        generator: SceneGenerator,
        first: int,
        size: tuple[int, int],
        place: Place,
    ) -> None:
        self._seeds, self._generator, self._first = seed_source(config, *size), generator, first
        self._size, self._place = size, place

    def __getitem__(self, index: int) -> StereoBatch:
        number = self._place.numbers(self._first + index, 1)[0]
        return self._generator.generate(self._seeds(number, 1), 1, *self._size, occlusion=False)


class Feed:
    """Hands out one rendered batch after another; on CUDA each is rendered beside the step before it.

    Args:
        config: of the run.
        generator: renders; on the training device.
        first: step to begin at.
        place: of this process.
    """

    def __init__(
        self, config: TrainingConfig, generator: SceneGenerator, first: int, place: Place = ALONE
    ) -> None:
        self._generator = generator
        cuda = generator.device.type == "cuda"
        self._plans = ahead(PlannedSteps(config, first, place), config.workers, pin=cuda)
        self._stream = torch.cuda.Stream(generator.device) if cuda else None
        self._ahead: list[StereoBatch | None] = []

    def next(self) -> StereoBatch | None:
        """Return the scenes of the next step, None if it has none."""
        if self._stream is None:
            return self._render()
        batch = self._ahead.pop() if self._ahead else self._render_beside(self._stream)
        current = torch.cuda.current_stream(self._generator.device)
        current.wait_stream(self._stream)
        if batch is not None:
            for tensor in (batch.left, batch.right, batch.disparity, batch.valid, batch.camera):
                tensor.record_stream(current)
        return batch

    def prepare(self) -> None:
        """Start on the batch after the one handed out; call it when the step's own work is under way."""
        if self._stream is not None and not self._ahead:
            self._ahead.append(self._render_beside(self._stream))

    def close(self) -> None:
        """End the processes that plan."""
        end(self._plans)

    def _render_beside(self, stream: torch.cuda.Stream) -> StereoBatch | None:
        with torch.cuda.stream(stream):
            return self._render()

    def _render(self) -> StereoBatch | None:
        planned = next(self._plans)
        return None if planned is None else self._generator.render(planned, occlusion=False)


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
