# SPDX-License-Identifier: Apache-2.0
"""Which frames of a recording are trained on together, as DeepVideoMVS was (arXiv 2012.02177, section 4.1).

A recording is walked through several times, for views that are nearer to each other and for views that are
farther apart, forward and backward in turn, so that no pair comes twice.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise

import numpy as np
import numpy.typing as npt

from foundation_stereo_ros.shapes import Matrix

_NEAR, _FAR = 0.125, 0.325
"""Combined pose distance of frames that follow each other in a sample."""

_PAIR_METRES, _RUN_METRES = 0.05, 0.0625
_PAIR_PASSES = ((1.0, True), (0.666, False), (1.5, True))
_RUN_PASSES = (
    *((1.0, True), (0.666, False), (1.5, True), (0.8, False), (1.25, True)),
    *((1.0, False), (0.666, True), (1.5, False), (0.8, True), (1.25, False)),
)
"""Factor of the distances, and whether forward."""

_EDGE = 5  # frames at the ends that are no partners
_WIDENED = 1.1
_MOST_WIDENED = 1
_STRIDE = 3  # from one start of a run to the next
_MOST_USED = 1  # a frame that is in more runs is left out


def pairs(poses: Sequence[Matrix]) -> list[tuple[int, int]]:
    """Return pairs of frames that see the same from far enough apart.

    Args:
        poses: of all frames, 4 x 4, from camera to world, metres.

    Returns:
        Indices of a frame and its partner, in the order of the passes.
    """
    distances = _Distances(poses)
    used: set[frozenset[int]] = set()
    found: list[tuple[int, int]] = []
    for factor, forward in _PAIR_PASSES:
        found += _pairs_of_a_pass(distances, used, factor, forward)
    return found


def runs(poses: Sequence[Matrix], length: int) -> list[tuple[int, ...]]:
    """Return runs of frames that follow each other far enough apart.

    Args:
        poses: as of `pairs`.
        length: frames in a run.
    """
    distances, count = _Distances(poses), len(poses)
    uses = np.zeros(count, np.int64)
    used: set[tuple[int, int]] = set()
    found = []
    for number, (factor, forward) in enumerate(_RUN_PASSES):
        offset = number % _STRIDE
        if forward:
            starts = range(offset, count - length + 1, _STRIDE)
        else:
            starts = range(count - 1 - offset, length, -_STRIDE)
        for start in starts:
            run = _run(distances, uses, used, start, length, factor, 1 if forward else -1)
            if len(run) < length:
                continue
            uses[run] += 1
            for before, after in pairwise(run):
                used |= {(before, after), (after, before)}
            found.append(tuple(run))
    return found


class _Distances:
    """Between any two frames, each frame's computed when it is asked for."""

    def __init__(self, poses: Sequence[Matrix]) -> None:
        self._poses = np.asarray(poses, np.float64).reshape(-1, 4, 4)
        self._rows: dict[int, tuple[npt.NDArray[np.float64], npt.NDArray[np.float64]]] = {}

    def __len__(self) -> int:
        return len(self._poses)

    def fit(self, one: int, other: int, near: float, far: float, metres: float) -> bool:
        """Tell whether two frames are far enough apart, and not too far."""
        if one not in self._rows:
            relative = np.linalg.inv(self._poses[one]) @ self._poses
            trace = np.minimum(3.0, np.trace(relative[:, :3, :3], axis1=1, axis2=2))
            translation = np.linalg.norm(relative[:, :3, 3], axis=1)
            self._rows[one] = np.hypot(translation, np.sqrt(2 * (1 - trace / 3))), translation
        combined, translation = self._rows[one]
        return bool(near <= combined[other] <= far and translation[other] >= metres)


def _pairs_of_a_pass(
    distances: _Distances, used: set[frozenset[int]], factor: float, forward: bool
) -> list[tuple[int, int]]:
    count, step = len(distances), 1 if forward else -1
    first, last = (_EDGE, count - _EDGE) if forward else (count - _EDGE, _EDGE)
    initial = near, far = _NEAR * factor, _FAR * factor
    partners: set[int] = set()
    found, widened = [], 0
    place = 0 if forward else count - 1
    while 0 <= place < count:
        candidates = [*range(place - step, first, -step), *range(place + step, last, step)]
        partner = next(
            (
                other
                for other in candidates
                if other not in partners
                and frozenset((place, other)) not in used
                and distances.fit(place, other, near, far, _PAIR_METRES)
            ),
            None,
        )
        if partner is not None:
            partners.add(partner)
            used.add(frozenset((place, partner)))
            found.append((place, partner))
            near, far = initial
            place, widened = place + step, 0
            continue
        near, far, widened = near / _WIDENED, far * _WIDENED, widened + 1
        if widened > _MOST_WIDENED:  # the next frame begins with the wider interval, as published
            place, widened = place + step, 0
    return found


def _run(
    distances: _Distances,
    uses: npt.NDArray[np.int64],
    used: set[tuple[int, int]],
    start: int,
    length: int,
    factor: float,
    step: int,
) -> list[int]:
    """Return the run that begins at a frame; shorter where there is none."""
    if uses[start] > _MOST_USED:
        return []
    run, place = [start], start + step
    near, far, metres = _NEAR * factor, _FAR * factor, _RUN_METRES * factor
    while len(run) < length and 0 <= place < len(distances):
        fits = uses[place] <= _MOST_USED and (run[-1], place) not in used
        if fits and distances.fit(run[-1], place, near, far, metres):
            run.append(place)
        place += step
    return run
