# SPDX-License-Identifier: Apache-2.0
"""How wrong a network is on pairs that it is not trained on: generated ones, and a dataset's."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import Protocol

import numpy as np
import torch
from torch import Tensor

from foundation_stereo_ros.datasets.dataset import StereoItem, StereoSample
from foundation_stereo_ros.evaluate.metrics import NAMES, average, error_metrics
from foundation_stereo_ros.nets.stereo import StereoNetwork, pad_to_multiple
from foundation_stereo_ros.scenes.raycast.generator import SceneGenerator, StereoBatch
from foundation_stereo_ros.scenes.seeds import VALIDATION
from foundation_stereo_ros.train.config import TrainingConfig
from foundation_stereo_ros.train.data_config import LAYERED, SCENES, DatasetChoice
from foundation_stereo_ros.train.feed.layered import LayeredGenerator
from foundation_stereo_ros.train.optimisation import Precision
from foundation_stereo_ros.train.pictures import Shown
from foundation_stereo_ros.train.visibility import near_edges

_NAMED = 8
"""Of so few pairs each one's figures are told, too."""

Estimate = Callable[[Tensor, Tensor], Tensor]
HELD_BACK, PAINTED, REAL = "held_back/", "painted/", "real/"
"""Before the names of figures on ray-cast scenes, on painted scenes, and on a dataset."""
PICTURES = 4
"""Pairs of each kind that are shown."""
Show = Callable[[str, Shown], None]


class RealPairs:
    """The pairs of a dataset; their means are made as its own leaderboard makes them.

    Args:
        choice: the dataset; its first pair is read at once.

    Raises:
        ConfigError, FileFormatError: it cannot be read.
    """

    def __init__(self, choice: DatasetChoice) -> None:
        self._dataset, self._items = choice.open("test")
        self._items[0].load()

    def measure(
        self,
        estimate: Estimate,
        device: torch.device,
        show: Callable[[str, Shown], None] | None = None,
        pictures: int = 0,
    ) -> dict[str, float]:
        """Return the means of `error_metrics`: of all pixels, of those that both cameras see (``noc_`` before
        their names) and of those within 3 of a depth edge (``edge_``).

        Of a small dataset also those of each pair, after its name.

        Args:
            estimate: pairs of B x 3 x H x W, multiples of 32, to B x 1 x H x W disparities in pixels.
            device: for the pairs.
            show: takes a name and a pair.
            pictures: how many it takes, the first ones.

        Raises:
            FileFormatError: a pair cannot be read.
        """
        sums: dict[str, float] = {}
        weights: dict[str, float] = {}
        named: dict[str, float] = {}
        for index, item in enumerate(self._items):
            shown, seen = self._run(item, estimate, device)
            if show and index < pictures:
                show(f"real/{item.name}", shown)
            edges = shown.valid & near_edges(shown.truth[None], shown.valid[None])[0]
            for prefix, mask in (("", shown.valid), ("noc_", seen), ("edge_", edges)):
                if mask is not None and bool(mask.any()):
                    weight = self._weight(item, mask)
                    found = error_metrics(shown.estimate.double(), shown.truth.double(), mask)
                    if len(self._items) <= _NAMED:
                        named |= {f"{item.name}/{prefix}{name}": float(found[name]) for name in NAMES}
                    for name in NAMES:
                        sums[prefix + name] = sums.get(prefix + name, 0.0) + weight * float(found[name])
                        weights[prefix + name] = weights.get(prefix + name, 0.0) + weight
        return {**{name: value / weights[name] for name, value in sums.items()}, **named}

    def _run(self, item: StereoItem, estimate: Estimate, device: torch.device) -> tuple[Shown, Tensor | None]:
        sample = item.load()
        left, right = (_tensor(view).to(device) for view in (sample.left, sample.right))
        padded, padding = pad_to_multiple(left)
        disparity = padding.crop(estimate(padded, padding.apply(right)))
        valid = self._known(sample)
        seen = None if sample.nonoccluded is None else valid & torch.from_numpy(sample.nonoccluded)[None]
        truth = torch.from_numpy(np.nan_to_num(sample.disparity))[None]
        return Shown(left[0], right[0], truth, valid, disparity[0].cpu()), seen

    def _known(self, sample: StereoSample) -> Tensor:
        with np.errstate(invalid="ignore"):
            known = np.isfinite(sample.disparity) & (sample.disparity < self._dataset.max_disparity)
        return torch.from_numpy(known)[None]

    def _weight(self, item: StereoItem, mask: Tensor) -> float:
        if self._dataset.averaging == "pixels":
            return float(mask.sum())
        return item.weight if self._dataset.averaging == "weights" else 1.0


def _tensor(view: np.ndarray) -> Tensor:
    return torch.from_numpy(view).permute(2, 0, 1)[None].float()


class PairGenerator(Protocol):
    """Seeds in, pairs with truth out: ray-cast or painted."""

    def generate(
        self, seed: int | Sequence[int], batch: int = ..., height: int = ..., width: int = ...
    ) -> StereoBatch:
        """Make pairs; the seeds count up from the first one."""


def validation_batches(config: TrainingConfig, generator: PairGenerator) -> Iterator[StereoBatch]:
    """Make the held-back pairs, in batches no larger than those of training."""
    for first in range(0, config.validation_pairs, config.batch):
        count = min(config.batch, config.validation_pairs - first)
        yield generator.generate(VALIDATION + first, count, config.height, config.width)


class Validation:
    """Measures a network, with as many refinements as its users will have.

    Args:
        config: of the run.
        generator: renders the held-back scenes.
        precision: to compute in.

    Attributes:
        wanted: whether there is anything to measure on.

    Raises:
        ConfigError, FileFormatError: the dataset cannot be read.
    """

    def __init__(self, config: TrainingConfig, generator: SceneGenerator, precision: Precision) -> None:
        self._config, self._device, self._precision = config, generator.device, precision
        kinds = {source.dataset for source in config.data} or {SCENES}
        self._generators: dict[str, PairGenerator] = {}
        if SCENES in kinds or LAYERED not in kinds:
            self._generators[HELD_BACK] = generator
        if LAYERED in kinds:
            painter = LayeredGenerator(config.layered, generator.device, generator.max_disparity)
            self._generators[PAINTED] = painter
        self._real = RealPairs(config.validate_on) if config.validate_on else None
        self.wanted = bool(config.validation_pairs or self._real)

    @torch.no_grad()
    def __call__(self, model: StereoNetwork, show: Show | None = None) -> dict[str, float]:
        """Return the errors by name, those of `error_metrics` with the prefix of where they were measured.

        They are over all pixels with truth; those over the pixels that both cameras see have ``noc_`` before
        their names, if that is known, and those over the pixels within 3 of a depth edge ``edge_``.

        Args:
            model: to measure, in evaluation mode.
            show: takes a name and the first pairs of each kind.
        """

        def estimate(left: Tensor, right: Tensor) -> Tensor:
            with self._precision.autocast():
                disparity: Tensor = model(left, right, iterations=model.config.iterations)
            return disparity

        found = {
            f"{prefix}{name}": value
            for prefix, generator in self._generators.items()
            for name, value in self._held_back(prefix, generator, estimate, show).items()
        }
        if self._real:
            real = self._real.measure(estimate, self._device, show, PICTURES)
            found |= {f"{REAL}{name}": value for name, value in real.items()}
        return found

    def _held_back(
        self,
        prefix: str,
        generator: PairGenerator,
        estimate: Callable[[Tensor, Tensor], Tensor],
        show: Show | None,
    ) -> dict[str, float]:
        found: list[dict[str, Tensor]] = []
        for batch in validation_batches(self._config, generator):
            disparity = estimate(batch.left, batch.right)
            hidden = batch.occluded if batch.occluded is not None else torch.zeros_like(batch.valid)
            edges = near_edges(batch.disparity, batch.valid)
            parts = (batch.left, batch.right, batch.disparity, batch.valid, disparity)
            for index, one in enumerate(map(Shown._make, zip(*parts, strict=True))):
                if show and len(found) < PICTURES:
                    show(f"{prefix}{len(found)}", one)
                masks = {"": one.valid, "noc_": one.valid & ~hidden[index], "edge_": one.valid & edges[index]}
                errors = {part: error_metrics(one.estimate, one.truth, mask) for part, mask in masks.items()}
                found.append(
                    {f"{part}{name}": v for part, all_of in errors.items() for name, v in all_of.items()}
                )
        return average(found)
