# SPDX-License-Identifier: Apache-2.0
"""A network asked for one disparity, within the memory that there is."""

from __future__ import annotations

import logging
import math

import torch

from foundation_stereo_ros.errors import DeviceMemoryError
from foundation_stereo_ros.estimate.config import PipelineConfig
from foundation_stereo_ros.estimate.device import give_back_unused, is_out_of_memory, shortage
from foundation_stereo_ros.estimate.grid import Size, resize_disparity, resize_image
from foundation_stereo_ros.estimate.stereo.backend import Backend
from foundation_stereo_ros.estimate.stereo.memory import MemoryPlan, plan_for
from foundation_stereo_ros.shapes import RgbImage, ShiftMap

_log = logging.getLogger(__name__)


class Inference:
    """Runs a backend within ``memory_budget``, and says in one sentence when memory does not suffice.

    Args:
        backend: the network.
    """

    def __init__(self, backend: Backend) -> None:
        self._backend = backend
        self._said = ""

    def plan(self, size: Size, config: PipelineConfig) -> MemoryPlan:
        """Decide how images of this width and height are computed.

        Raises:
            ConfigError: ``memory_budget`` is too small for anything.
        """
        memory = self._backend.pair_memory
        if not config.memory_budget or memory is None:
            return MemoryPlan(size)
        reach = self._backend.reach(size, config)
        plan = plan_for(size, config.memory_budget, memory, math.ceil(reach or 0))
        if plan.sentence and plan.sentence != self._said:
            _log.info("%s", plan.sentence)
            self._said = plan.sentence
        return plan

    def reach(self, size: Size, config: PipelineConfig, plan: MemoryPlan) -> float | None:
        """Return the largest disparity that can be told in images of this width and height, in their pixels;
        None where that is not known."""
        reach = self._backend.reach(plan.size, config)
        return None if reach is None else reach * size[0] / plan.size[0]

    def __call__(self, left: RgbImage, right: RgbImage, config: PipelineConfig, plan: MemoryPlan) -> ShiftMap:
        """Estimate x_left - x_right in pixels for every pixel of the left image, H x W.

        Args:
            left: H x W x 3, rectified.
            right: the same size.
            config: settings.
            plan: for this size.

        Raises:
            DeviceMemoryError: the device has too little memory for images of this size.
        """

        def infer(left: RgbImage, right: RgbImage) -> ShiftMap:
            return self._try(left, right, config)

        small = resize_image(left, plan.size), resize_image(right, plan.size)
        disparity = plan.tiling.run(*small, infer) if plan.tiling else infer(*small)
        return resize_disparity(disparity, (left.shape[1], left.shape[0]))

    def _try(self, left: RgbImage, right: RgbImage, config: PipelineConfig) -> ShiftMap:
        try:
            return self._backend(left, right, config)
        except (RuntimeError, MemoryError) as error:
            if not is_out_of_memory(error):
                raise
            missing = shortage(error, self._backend.device)
        # Only here, where nothing holds on to the error and, through it, to half a network's tensors.
        device, full = self._backend.device, self._backend.dtype == torch.float32
        give_back_unused(device)
        lower = ", precision fp16" if device.type == "cuda" and full else ""
        raise DeviceMemoryError(
            f"out of memory for a pair of {left.shape[1]} x {left.shape[0]} pixels: {missing}; "
            f"expected less to do: lower scale (now {config.scale:g}){lower} or a memory_budget "
            f"(now {config.memory_budget or 'off'})"
        )

    def bring_to_device(self) -> None:
        """Bring the network back to its device.

        Raises:
            DeviceMemoryError: it does not fit now.
        """
        try:
            self._backend.to_device()
        except (RuntimeError, MemoryError) as error:
            if not is_out_of_memory(error):
                raise
            missing = shortage(error, self._backend.device)
            raise DeviceMemoryError(f"the network does not fit: {missing}") from None
