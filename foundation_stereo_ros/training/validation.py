# SPDX-License-Identifier: Apache-2.0
"""How wrong a network is on pairs that it is not trained on."""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor

from foundation_stereo_ros.network import FoundationStereo
from foundation_stereo_ros.training.feed import validation_batches
from foundation_stereo_ros.training.generator import SceneGenerator
from foundation_stereo_ros.training.metrics import average, error_metrics
from foundation_stereo_ros.training.panels import Shown
from foundation_stereo_ros.training.precision import Precision
from foundation_stereo_ros.training.real_pairs import RealPairs
from foundation_stereo_ros.training.training_config import TrainingConfig

HELD_BACK, REAL = "held_back/", "real/"
"""Before the names of figures on generated scenes, and on a dataset."""

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
        self._config, self._generator, self._precision = config, generator, precision
        self._real = RealPairs(config.validate_on) if config.validate_on else None
        self.wanted = bool(config.validation_pairs or self._real)

    @torch.no_grad()
    def __call__(self, model: FoundationStereo, show: Show | None = None) -> dict[str, float]:
        """Return the errors by name: ``held_back/`` or ``real/`` before those of `error_metrics`.

        They are over all pixels with truth; those over the pixels that both cameras see have ``noc_`` before
        their names, if that is known.

        Args:
            model: to measure, in evaluation mode.
            show: takes a name and the first pairs of each kind.
        """

        def estimate(left: Tensor, right: Tensor) -> Tensor:
            with self._precision.autocast():
                disparity: Tensor = model(left, right, iterations=model.config.iterations)
            return disparity

        found = {f"{HELD_BACK}{k}": v for k, v in self._held_back(estimate, show).items()}
        if self._real:
            real = self._real.measure(estimate, self._generator.device, show, PICTURES)
            found |= {f"{REAL}{name}": value for name, value in real.items()}
        return found

    def _held_back(self, estimate: Callable[[Tensor, Tensor], Tensor], show: Show | None) -> dict[str, float]:
        found: list[dict[str, Tensor]] = []
        for batch in validation_batches(self._config, self._generator):
            disparity = estimate(batch.left, batch.right)
            hidden = batch.occluded if batch.occluded is not None else torch.zeros_like(batch.valid)
            parts = (batch.left, batch.right, batch.disparity, batch.valid, disparity)
            for index, one in enumerate(map(Shown._make, zip(*parts, strict=True))):
                if show and len(found) < PICTURES:
                    show(f"{HELD_BACK}{len(found)}", one)
                both = error_metrics(one.estimate, one.truth, one.valid)
                seen = error_metrics(one.estimate, one.truth, one.valid & ~hidden[index])
                found.append({**both, **{f"noc_{name}": value for name, value in seen.items()}})
        return average(found)
