# SPDX-License-Identifier: Apache-2.0
"""How wrong a network is on pairs that it is not trained on."""

from __future__ import annotations

import torch

from foundation_stereo_ros.network import FoundationStereo
from foundation_stereo_ros.training.feed import validation_batches
from foundation_stereo_ros.training.generator import SceneGenerator
from foundation_stereo_ros.training.metrics import average, error_metrics
from foundation_stereo_ros.training.precision import Precision
from foundation_stereo_ros.training.training_config import TrainingConfig

HELD_BACK = "held_back/"
"""Before the names of figures on generated scenes."""


class Validation:
    """Measures a network, with as many refinements as its users will have.

    Args:
        config: of the run.
        generator: renders the held-back scenes.
        precision: to compute in.
    """

    def __init__(self, config: TrainingConfig, generator: SceneGenerator, precision: Precision) -> None:
        self._config, self._generator, self._precision = config, generator, precision

    @torch.no_grad()
    def __call__(self, model: FoundationStereo) -> dict[str, float]:
        """Return the errors by name: ``held_back/`` before those of `error_metrics`, over all valid pixels.

        Those over the pixels that both cameras see have ``noc_`` before them.
        """
        return {f"{HELD_BACK}{name}": value for name, value in self._held_back(model).items()}

    def _held_back(self, model: FoundationStereo) -> dict[str, float]:
        found = []
        for batch in validation_batches(self._config, self._generator):
            with self._precision.autocast():
                estimate = model(batch.left, batch.right, iterations=model.config.iterations)
            hidden = batch.occluded if batch.occluded is not None else torch.zeros_like(batch.valid)
            for index in range(len(estimate)):
                pair = estimate[index], batch.disparity[index]
                both = error_metrics(*pair, batch.valid[index])
                seen = error_metrics(*pair, batch.valid[index] & ~hidden[index])
                found.append({**both, **{f"noc_{name}": value for name, value in seen.items()}})
        return average(found)
