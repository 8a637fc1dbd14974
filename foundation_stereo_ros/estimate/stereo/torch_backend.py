# SPDX-License-Identifier: Apache-2.0
"""The network in PyTorch."""

from __future__ import annotations

from contextlib import nullcontext
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from foundation_stereo_ros.errors import ConfigError
from foundation_stereo_ros.estimate.config import PipelineConfig
from foundation_stereo_ros.estimate.device import (
    MemoryUse,
    arithmetic,
    brought,
    give_back_unused,
    memory_use,
)
from foundation_stereo_ros.estimate.grid import Size
from foundation_stereo_ros.estimate.heap import idle_memory_given_back
from foundation_stereo_ros.estimate.stereo.memory import PairMemory, memory_of
from foundation_stereo_ros.nets.stereo import EarlyStop, StereoNetwork, for_inference, pad_to_multiple
from foundation_stereo_ros.shapes import RgbImage, ShiftMap
from foundation_stereo_ros.weights import load_checkpoint


class TorchBackend:
    """A `backend.Backend` of this package's own network.

    Args:
        model: moved to the device and set to evaluation.
        device: where it runs.
        config: ``precision`` and ``compile``.

    Attributes:
        model: the network.
        device: where it runs.
        dtype: arithmetic of its convolutions.
        refinements: made for the last pair; of one in several passes or tiles, in the last of them.
    """

    def __init__(self, model: StereoNetwork, device: torch.device, config: PipelineConfig) -> None:
        self.device = device
        self.refinements: int | None = None
        self.model = brought(model, device).eval().requires_grad_(False)
        self.dtype = arithmetic(config.precision, device, model.config)
        if config.compile:
            self.model.compile()

    @classmethod
    def load(cls, path: Path, device: torch.device, config: PipelineConfig) -> TorchBackend:
        """Load a weights file.

        Raises:
            CheckpointError: it cannot be used.
            DeviceMemoryError: the device has too little memory for the network.
        """
        return cls(for_inference(load_checkpoint(path)), device, config)

    def reach(self, size: Size, config: PipelineConfig) -> float:
        """Return the largest disparity of the cost volume, pixels; of the smaller copy's in a hierarchical
        run."""
        return self.model.config.max_disp / (config.small_ratio if config.hierarchical else 1)

    @property
    def pair_memory(self) -> PairMemory | None:
        """What it takes for a pair; None where that was not measured."""
        return memory_of(self.model.config, self.dtype)

    def check(self, config: PipelineConfig) -> None:
        """Raise ConfigError for what does not go together.

        That is a memory budget where it is not known what the network takes, and an early stop of a compiled
        network, whose graph would end at every question whether to go on.
        """
        if config.compile and config.early_stop:
            raise ConfigError(f"early_stop is {config.early_stop:g}; expected 0 with compile")
        if config.memory_budget and self.pair_memory is None:
            raise ConfigError(
                f"memory_budget is {config.memory_budget}; expected 0: what this network takes in "
                f"{str(self.dtype).removeprefix('torch.')} was not measured (scale takes less memory, too)"
            )

    def iterations(self, config: PipelineConfig) -> int:
        """Return how many refinements these settings mean."""
        return self.model.config.refinements(config.iterations)

    def memory_use(self) -> MemoryUse:
        """Return what is in use of the device's memory."""
        return memory_use(self.device)

    def to_host(self) -> None:
        """Keep the network in main memory and give the device's back."""
        self.model.to("cpu")
        give_back_unused(self.device)

    def to_device(self) -> None:
        """Bring the network back to its device."""
        self.model.to(self.device)

    def __call__(self, left: RgbImage, right: RgbImage, config: PipelineConfig) -> ShiftMap:
        """Estimate x_left - x_right in pixels, H x W, of two H x W x 3 images."""
        iterations, stop = self.iterations(config), None
        if config.early_stop:
            stop = EarlyStop(config.early_stop, config.early_stop_minimum)
        autocast = torch.autocast(self.device.type, self.dtype, enabled=self.dtype != torch.float32)
        eager_on_cpu = self.device.type == "cpu" and not config.compile
        memory = idle_memory_given_back(self.model, self.dtype) if eager_on_cpu else nullcontext()
        with torch.inference_mode(), autocast, memory:
            # Padded here also for the hierarchical run, whose own padding would offset its first guess.
            left_padded, padding = pad_to_multiple(self._tensor(left))
            right_padded = padding.apply(self._tensor(right))
            if config.hierarchical:
                ratio = config.small_ratio
                disparity = self.model.hierarchical(left_padded, right_padded, iterations, ratio, stop=stop)
            else:
                disparity = self.model(left_padded, right_padded, iterations, stop=stop)
            self.refinements = stop.iterations if stop else iterations
            return np.asarray(padding.crop(disparity)[0, 0].float().cpu().numpy(), np.float32)

    def _tensor(self, image: RgbImage) -> Tensor:
        """Bring H x W x 3 bytes to the device, and make 1 x 3 x H x W floats of them there."""
        pixels = torch.from_numpy(np.array(image, order="C", copy=True))
        if self.device.type == "cuda":
            pixels = pixels.pin_memory()  # from there a copy runs beside what the processor does next
        return pixels.to(self.device, non_blocking=True).permute(2, 0, 1)[None].float()
