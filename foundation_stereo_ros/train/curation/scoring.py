# SPDX-License-Identifier: Apache-2.0
"""How well a network does on the scene of a seed."""

from __future__ import annotations

import hashlib
import math
from pathlib import Path

import torch
from torch import Tensor

from foundation_stereo_ros.evaluate.metrics import error_metrics
from foundation_stereo_ros.scenes.raycast.generator import SceneGenerator, StereoBatch, composition
from foundation_stereo_ros.train.curation.keep_list import Recipe, Score
from foundation_stereo_ros.train.curation.traits import traits
from foundation_stereo_ros.weights import load_checkpoint

_DIGITS = 4


class Scorer:
    """Renders scenes, estimates them and compares.

    Args:
        checkpoint: weights of the network.
        recipe: what seeds mean, size, refinements, and how much error is too much.
        device: where to render and estimate.

    Raises:
        CheckpointError: the weights cannot be used.
    """

    def __init__(self, checkpoint: Path, recipe: Recipe, device: torch.device | str) -> None:
        self.recipe = recipe
        self._network = load_checkpoint(checkpoint, device)
        self._generator = SceneGenerator(recipe.scenes, device, float(self._network.config.max_disp))

    def score(self, seed: int) -> Score:
        """Return the errors of a seed, and whether to keep it."""
        batch, estimate = self.look(seed)
        errors = error_metrics(estimate, batch.disparity, batch.valid)
        bp2, epe = _plain(errors["bp2"]), _plain(errors["epe"])
        # without a single valid pixel there is nothing to learn
        kept = bp2 is not None and bp2 <= self.recipe.threshold
        scenes = self.recipe.scenes
        return Score(seed, bp2, epe, kept, composition(scenes, seed), traits(scenes, seed))

    @torch.no_grad()
    def look(self, seed: int) -> tuple[StereoBatch, Tensor]:
        """Return the pair of a seed (a batch of one), and its estimate, 1 x 1 x H x W, pixels."""
        r = self.recipe
        batch = self._generator.generate([seed], 1, r.height, r.width, occlusion=False)
        return batch, self._network(batch.left, batch.right, iterations=r.iterations).float()


def checkpoint_digest(path: Path) -> str:
    """Return the SHA-256 of a weights file, or of those in a folder; hexadecimal."""
    digest = hashlib.sha256()
    for file in [path] if path.is_file() else sorted(path.glob("*.pth")):
        with file.open("rb") as stream:
            while block := stream.read(1 << 20):
                digest.update(block)
    return digest.hexdigest()


def _plain(figure: Tensor) -> float | None:
    value = float(figure)
    return round(value, _DIGITS) if math.isfinite(value) else None
