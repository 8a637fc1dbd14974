# SPDX-License-Identifier: Apache-2.0
"""What the estimator asks of whatever runs the network: PyTorch, or ONNX Runtime."""

from __future__ import annotations

from typing import Protocol

import torch

from foundation_stereo_ros.estimate.config import PipelineConfig
from foundation_stereo_ros.estimate.device import MemoryUse
from foundation_stereo_ros.estimate.grid import Size
from foundation_stereo_ros.estimate.stereo.memory import PairMemory
from foundation_stereo_ros.shapes import RgbImage, ShiftMap


class Backend(Protocol):
    """A loaded network that turns a rectified pair into a dense disparity."""

    @property
    def device(self) -> torch.device:
        """Where it runs."""

    @property
    def dtype(self) -> torch.dtype:
        """Arithmetic of its convolutions; of an ONNX model, the type of its images."""

    def reach(self, size: Size, config: PipelineConfig) -> float | None:
        """Return the largest disparity that it can tell in images of this width and height, in their pixels;
        None where the model does not say."""

    @property
    def pair_memory(self) -> PairMemory | None:
        """What it takes for a pair; None where that is not known."""

    @property
    def refinements(self) -> int | None:
        """How many were made for the last pair; None before it, and where the model does not say."""

    def check(self, config: PipelineConfig) -> None:
        """Raise ConfigError for a setting that this network cannot follow."""

    def iterations(self, config: PipelineConfig) -> int | None:
        """Return how many refinements these settings mean; None where the model does not say."""

    def memory_use(self) -> MemoryUse:
        """Return what is in use of the memory that it computes in."""

    def to_host(self) -> None:
        """Give the device's memory back; `to_device` before the next pair."""

    def to_device(self) -> None:
        """Be ready to compute again after `to_host`."""

    def __call__(self, left: RgbImage, right: RgbImage, config: PipelineConfig) -> ShiftMap:
        """Estimate x_left - x_right in pixels for every pixel of the left image.

        Raises:
            RuntimeError, MemoryError: as `memory.is_out_of_memory` knows them, where memory runs out.
        """
