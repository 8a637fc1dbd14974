# SPDX-License-Identifier: Apache-2.0
"""Which of the processes of a run this one is."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Place:
    """One process among those that train together; by itself, if not said otherwise.

    Attributes:
        rank: from 0; the first process also writes files.
        world: number of processes.
    """

    rank: int = 0
    world: int = 1

    @property
    def first(self) -> bool:
        """Whether this process writes the files."""
        return self.rank == 0

    def numbers(self, step: int, batch: int) -> range:
        """Return the numbers of this process's pairs in a step; all processes' together follow on.

        Args:
            step: from 0.
            batch: pairs of each process in a step.
        """
        begin = (step * self.world + self.rank) * batch
        return range(begin, begin + batch)


ALONE = Place()
"""The only process."""
