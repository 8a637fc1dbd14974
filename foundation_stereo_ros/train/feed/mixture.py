# SPDX-License-Identifier: Apache-2.0
"""Which source each pair of a run is from."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from foundation_stereo_ros.train.config import TrainingConfig
from foundation_stereo_ros.train.data_config import GENERATED, SCENES, TrainingSource
from foundation_stereo_ros.train.distributed import Place


class Origin(NamedTuple):
    """Where a pair is from: the place of its source in the list, and its number among that source's pairs."""

    source: int
    number: int


def origin(number: int, shares: Sequence[float]) -> Origin:
    """Return where a pair is from.

    Sources take turns as evenly as their shares allow, so that each has its share in every stretch of a run,
    and the numbers of its pairs follow on.

    Args:
        number: of the pair in the run, from 0.
        shares: of the sources.
    """
    left = sum(shares)
    for source, share in enumerate(shares[:-1]):
        before, after = int(number * share / left), int((number + 1) * share / left)
        if after > before:
            return Origin(source, before)
        number, left = number - before, left - share
    return Origin(len(shares) - 1, number)


class Mixture:
    """The sources of a run, and which of them fills which place in a step.

    Args:
        config: of the run; without ``data`` all pairs are generated scenes.
        place: of this process.
    """

    def __init__(self, config: TrainingConfig, place: Place) -> None:
        self.sources = config.data or (TrainingSource(SCENES),)
        self._shares = [source.share for source in self.sources]
        self._batch, self._place = config.batch, place

    @property
    def scenes_share(self) -> float:
        """Return the share of ray-cast scenes, 0 to 1."""
        shares = [source.share for source in self.sources if source.dataset == SCENES]
        return sum(shares) / sum(self._shares)

    def numbers(self, step: int, kind: str) -> list[int]:
        """Return the numbers, in the run, of this process's pairs in a step that are of a generated kind."""
        return [n for n, found in self._origins(step) if self.sources[found.source].dataset == kind]

    def scenes(self, step: int) -> list[int]:
        """Return the numbers, in the run, of this process's pairs in a step that are ray-cast scenes."""
        return self.numbers(step, SCENES)

    def stored(self, step: int) -> list[Origin]:
        """Return where this process's pairs in a step that are read from datasets are from."""
        origins = [found for _, found in self._origins(step)]
        return [found for found in origins if self.sources[found.source].dataset not in GENERATED]

    def _origins(self, step: int) -> list[tuple[int, Origin]]:
        return [(n, origin(n, self._shares)) for n in self._place.numbers(step, self._batch)]
