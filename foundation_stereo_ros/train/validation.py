# SPDX-License-Identifier: Apache-2.0
"""How wrong a network is on pairs that it is not trained on."""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor

from foundation_stereo_ros.evaluate.metrics import average, error_metrics
from foundation_stereo_ros.nets.stereo import StereoNetwork
from foundation_stereo_ros.scenes.raycast.generator import SceneGenerator
from foundation_stereo_ros.train.config import TrainingConfig
from foundation_stereo_ros.train.data_config import LAYERED, SCENES
from foundation_stereo_ros.train.feed.layered import LayeredGenerator
from foundation_stereo_ros.train.feed.ray_cast import PairGenerator, validation_batches
from foundation_stereo_ros.train.panels import Shown
from foundation_stereo_ros.train.precision import Precision
from foundation_stereo_ros.train.real_pairs import RealPairs
from foundation_stereo_ros.train.visibility import near_edges

HELD_BACK, PAINTED, REAL = "held_back/", "painted/", "real/"
"""Before the names of figures on ray-cast scenes, on painted scenes, and on a dataset."""

PICTURES = 4
"""Pairs of each kind that are shown."""

Show = Callable[[str, Shown], None]


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
