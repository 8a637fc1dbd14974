# SPDX-License-Identifier: Apache-2.0
"""Checks beside the network: what is too near for it, and whether the two images go together."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from typing import NamedTuple, TypeVar

import cv2
import numpy as np

from foundation_stereo_ros.errors import ConfigError
from foundation_stereo_ros.estimate.config import PipelineConfig
from foundation_stereo_ros.estimate.grid import Size
from foundation_stereo_ros.estimate.remarks import (
    BehindInfinity,
    Remark,
    RowsOff,
    SidesExchanged,
    TooNear,
)
from foundation_stereo_ros.estimate.stereo.alignment import Alignment, measure_alignment
from foundation_stereo_ros.estimate.stereo.backend import Backend
from foundation_stereo_ros.estimate.stereo.reach import CoarseMatch, reaches_everything
from foundation_stereo_ros.geometry.camera import StereoRig
from foundation_stereo_ros.shapes import Mask, RgbImage, ShiftMap

Made = TypeVar("Made")

FIRST, EVERY = 2, 50
"""The alignment is measured for so many first pairs, and then for every so many: it takes 10 ms or more."""

_ROWS_OFF, _ROWS_DIFFER = 1.5, 2.5
"""Pixels of images 640 wide: generated pairs, half a row off at most, stay below 0.7 and 1.9."""

_BEHIND, _FEW = 0.3, 0.1
"""Shares of the corners that lie behind infinity; of good pairs at most 0.17."""

_WORTH_SAYING = 0.01
"""Share of the pixels."""

_SPARE, _LEAST_SCALE = 1.05, 0.1


class PairCheck(NamedTuple):
    """The checks of one pair, which may still run."""

    alignment: Future[Alignment | None] | None
    match: Future[CoarseMatch] | None


class PairChecks:
    """Watches one stream of pairs.

    The work for a pair is done in a thread, while the network computes.

    Args:
        backend: the network.
    """

    def __init__(self, backend: Backend) -> None:
        self._backend = backend
        self._pool: ThreadPoolExecutor | None = None
        self.reset()

    def reset(self) -> None:
        """Forget the stream: the next pair is the first one of another."""
        self._rig: StereoRig | None = None
        self._pairs = 0
        self._alignment: tuple[Remark, ...] = ()

    def begin(
        self,
        pair: tuple[RgbImage, RgbImage],
        small: tuple[RgbImage, RgbImage],
        rig: StereoRig,
        reach: float | None,
        config: PipelineConfig,
    ) -> PairCheck:
        """Start to check the next pair.

        Args:
            pair: left and right image.
            small: the same resized for the network.
            rig: of the pair; another one than before means another stream.
            reach: largest disparity of the network in the small images, pixels; None where it is not known.
            config: ``check_alignment`` and ``remove_too_near``.
        """
        if rig != self._rig:
            self.reset()
            self._rig = rig
        alignment, match = None, None
        if not config.check_alignment:
            self._alignment = ()
        elif self._pairs < FIRST or self._pairs % EVERY == 0:
            alignment = self._start(lambda: measure_alignment(*pair, rig.doffs))
        if config.remove_too_near and reach is not None and not reaches_everything(small[0].shape[1], reach):
            match = self._start(lambda: CoarseMatch(*small, reach))
        self._pairs += 1
        return PairCheck(alignment, match)

    def finish(
        self, check: PairCheck, shift: ShiftMap, size: Size, config: PipelineConfig
    ) -> tuple[Mask | None, tuple[Remark, ...]]:
        """Wait for the checks of a pair.

        Args:
            check: of `begin`.
            shift: what the network found in the small images, pixels.
            size: width and height of the result's grid.
            config: as for `begin`.

        Returns:
            What is too near for the network, on the result's grid (None: nothing), and what is known of the
            stream now.
        """
        measured = check.alignment.result() if check.alignment else None
        if measured:
            self._alignment = remarks_on(measured)
        match = check.match.result() if check.match else None
        near, needed = match.beyond(shift) if match else (None, 0.0)
        if match is None or near is None or not near.any():
            return None, self._alignment
        mask = cv2.resize(near.astype(np.uint8), size, interpolation=cv2.INTER_NEAREST) > 0
        share = float(mask.mean())
        # Of images that do not go together, matching tells nothing.
        if self._alignment or share < _WORTH_SAYING:
            return mask, self._alignment
        ways = self._remedies(match.reach, needed, config)
        found = TooNear(
            int(mask.sum()), share, match.reach / config.scale, needed / config.scale, remedies=ways
        )
        return mask, (found,)

    def _remedies(self, reach: float, needed: float, config: PipelineConfig) -> tuple[Mapping[str, str], ...]:
        ways: list[Mapping[str, str]] = []
        scale = math.floor(100 * config.scale * reach / (_SPARE * needed)) / 100
        if scale >= _LEAST_SCALE:
            ways.append({"scale": f"{scale:g}"})
        if not config.hierarchical and reach >= needed * config.small_ratio:
            try:
                self._backend.check(config.replace(hierarchical=True))
                ways.append({"hierarchical": ""})
            except ConfigError:
                pass
        return tuple(ways)

    def _start(self, work: Callable[[], Made]) -> Future[Made]:
        if self._pool is None:
            self._pool = ThreadPoolExecutor(1, "pair-checks")
        return self._pool.submit(work)


def remarks_on(alignment: Alignment) -> tuple[Remark, ...]:
    """Return what is wrong with how two images go together; nothing where it is within what is usual."""
    low, rows, high = (value / alignment.pixel for value in (alignment.low, alignment.rows, alignment.high))
    remarks: list[Remark] = []
    if abs(rows) > _ROWS_OFF or max(-low, high) > _ROWS_DIFFER:
        remarks.append(RowsOff(alignment.low, alignment.rows, alignment.high))
    if alignment.behind > _BEHIND:
        exchanged = alignment.before < _FEW * alignment.behind
        remarks.append(SidesExchanged() if exchanged else BehindInfinity(alignment.behind))
    return tuple(remarks)
