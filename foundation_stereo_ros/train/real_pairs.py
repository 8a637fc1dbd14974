# SPDX-License-Identifier: Apache-2.0
"""Errors on a dataset's whole pairs at their own size, as ``foundation_stereo evaluate`` measures them."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import torch
from torch import Tensor

from foundation_stereo_ros.datasets.dataset import StereoItem, StereoSample
from foundation_stereo_ros.evaluate.metrics import NAMES, error_metrics
from foundation_stereo_ros.nets.stereo import pad_to_multiple
from foundation_stereo_ros.train.data_config import DatasetChoice
from foundation_stereo_ros.train.panels import Shown
from foundation_stereo_ros.train.visibility import near_edges

_NAMED = 8
"""Of so few pairs each one's figures are told, too."""

Estimate = Callable[[Tensor, Tensor], Tensor]


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
