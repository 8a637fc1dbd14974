# SPDX-License-Identifier: Apache-2.0
"""The smallest estimator there can be: OpenCV's block matching. It gives depth alone, and no disparity."""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np

from foundation_stereo_ros.estimate.config import SharedSettings
from foundation_stereo_ros.estimate.interface import Engine, Estimator, StereoSample
from foundation_stereo_ros.estimate.prediction import Prediction
from foundation_stereo_ros.estimate.setting import setting
from foundation_stereo_ros.geometry.depth import disparity_to_depth


@dataclass(frozen=True)
class BlockSettings(SharedSettings):
    """Those of any estimator, and one of its own; no checkpoint, no device, no iterations."""

    window: int = setting(9, "Side of the blocks that are compared.", unit="px", low=5, high=51)


class BlockMatching:
    """Needs two pairs before it says anything, as an estimator with a memory does."""

    def __init__(self, config: BlockSettings | None = None) -> None:
        self.config = config or BlockSettings()
        self.calls: list[str] = []
        self._seen = 0

    def step(self, sample: StereoSample) -> Prediction | None:
        self.calls.append("step")
        self._seen += 1
        if self._seen < 2:
            return None
        grey = [cv2.cvtColor(np.ascontiguousarray(image), cv2.COLOR_RGB2GRAY) for image in sample[:2]]
        sixteenths = cv2.StereoBM.create(16, self.config.window).compute(*grey)
        depth = disparity_to_depth(
            sixteenths.astype(np.float32) / 16 - np.float32(sample.rig.doffs), sample.rig
        )
        with np.errstate(invalid="ignore"):
            depth[~((depth >= self.config.z_near) & (depth <= self.config.z_far))] = np.nan
        return Prediction(sample.left, depth, sample.rig.left, seconds={"match": 1e-3})

    def reset(self) -> None:
        self.calls.append("reset")
        self._seen = 0

    def check_change(self, config: BlockSettings) -> None:
        self.config.check_change(config)

    def reconfigure(self, config: BlockSettings) -> None:
        self.check_change(config)
        self.config = config

    def warm_up(self, width: int, height: int) -> None:
        self.calls.append(f"warm up {width} x {height}")

    def to_host(self) -> None:
        self.calls.append("to host")

    def to_device(self) -> None:
        self.calls.append("to device")

    def engine(self) -> Engine:
        return Engine("none: blocks are compared", "cpu", "int16", "next to nothing")


_: Estimator[StereoSample] = BlockMatching()
"""For a type checker."""
