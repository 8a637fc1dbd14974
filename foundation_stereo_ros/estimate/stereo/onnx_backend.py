# SPDX-License-Identifier: Apache-2.0
"""A network in an ONNX file: this package's own export, or anybody's that takes two images."""

from __future__ import annotations

import logging
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import torch

from foundation_stereo_ros.errors import CheckpointError, ConfigError, ImageError, counted
from foundation_stereo_ros.estimate.config import PipelineConfig
from foundation_stereo_ros.estimate.device import MemoryUse, memory_use
from foundation_stereo_ros.estimate.grid import Fit, Size
from foundation_stereo_ros.estimate.stereo.onnx_model import OnnxSession, StereoSignature, read_signature
from foundation_stereo_ros.nets.parts import imagenet
from foundation_stereo_ros.shapes import RgbImage, ShiftMap

_log = logging.getLogger(__name__)

SUFFIX = ".onnx"

# ImageNet's colours, of images from 0 to 1.
_MEAN = np.array(imagenet.MEAN, np.float32).reshape(3, 1, 1)
_STD = np.array(imagenet.STD, np.float32).reshape(3, 1, 1)


class OnnxBackend:
    """A `backend.Backend` in ONNX Runtime.

    Images that are larger than the model's are shrunk to it, smaller ones padded.

    Args:
        path: of the ``.onnx`` file.
        config: ``device``, ``precision`` and ``onnx_input``.

    Attributes:
        signature: how the model is called.
        dtype: type of its images, and most likely of its arithmetic.

    Raises:
        CheckpointError: the file cannot be used; one line that says why.
        ConfigError: ONNX Runtime is not installed, or has no provider for the device.
    """

    def __init__(self, path: Path, config: PipelineConfig) -> None:
        self._path = path
        self._session = OnnxSession(path, config.device, half=config.precision != "fp32")
        try:
            self.signature: StereoSignature = read_signature(self._session.facts, config.onnx_input)
        except CheckpointError as error:
            raise CheckpointError(f"{path}: {error}") from None
        self.dtype: torch.dtype = getattr(torch, self.signature.type)
        for sentence in self.signature.guesses:
            _log.warning("%s: %s", path.name, sentence)

    @property
    def device(self) -> torch.device:
        """Where it runs."""
        return self._session.device

    def reach(self, size: Size, config: PipelineConfig) -> float | None:
        """Return the largest disparity that it can tell in images of this width and height, in their pixels;
        None where it does not say."""
        own = self.signature.max_disp
        return None if own is None else own * size[0] / Fit.of(size, *self.signature.sides).inner[0]

    @property
    def refinements(self) -> int | None:
        """How many are built in; None where it does not say."""
        return self.signature.iterations

    @property
    def pair_memory(self) -> None:
        """Not known."""

    def check(self, config: PipelineConfig) -> None:
        """Raise ConfigError for settings that only PyTorch's network can follow."""
        own, name = self.signature.iterations, self._path.name
        if config.iterations not in (0, own):
            has = counted(own, "refinement") if own else "its refinements"
            raise ConfigError(f"iterations is {config.iterations}; expected 0: {name} has {has} built in")
        if config.early_stop:
            raise ConfigError(
                f"early_stop is {config.early_stop:g}; expected 0: {name} always refines to the end"
            )
        if config.hierarchical:
            raise ConfigError(f"hierarchical is on; expected off: {name} runs in one pass")
        if config.compile:
            raise ConfigError(f"compile is on; expected off: ONNX Runtime optimizes {name} itself")
        if config.memory_budget:
            raise ConfigError(
                f"memory_budget is {config.memory_budget}; expected 0: what {name} takes is not known"
            )
        if config.precision == "bf16" or (config.precision == "fp16" and self.device.type == "cpu"):
            raise ConfigError(f"precision is {config.precision!r}; expected auto: {name} has it built in")

    def iterations(self, config: PipelineConfig) -> int | None:
        """Return how many refinements are built in; None where the model does not say."""
        return self.signature.iterations

    def memory_use(self) -> MemoryUse:
        """Return what this process has in use; ONNX Runtime does not tell of a GPU's."""
        return memory_use(torch.device("cpu"))

    def to_host(self) -> None:
        """Drop the model."""
        self._session.close()

    def to_device(self) -> None:
        """Load it again."""
        self._session.open()

    def __call__(self, left: RgbImage, right: RgbImage, config: PipelineConfig) -> ShiftMap:
        """Estimate x_left - x_right in pixels, H x W, of two H x W x 3 images."""
        signature = self.signature
        fit = Fit.of((left.shape[1], left.shape[0]), *signature.sides)
        images = {
            name: self._tensor(fit.apply(image))
            for name, image in ((signature.left, left), (signature.right, right))
        }
        found = self._session.run(signature.output, images)
        width, height = fit.outer
        if found.shape[-2:] != (height, width) or found.size != height * width:
            raise ImageError(
                f"{self._path.name} gives {found.shape} for images of {height} x {width}; "
                "expected a disparity for each pixel"
            )
        return fit.undo(np.asarray(found.reshape(height, width), np.float32))

    def _tensor(self, image: RgbImage) -> npt.NDArray[Any]:
        """H x W x 3 from 0 to 255 -> 1 x 3 x H x W as the model takes it."""
        planes = image.transpose(2, 0, 1)
        if self.signature.type == "uint8":
            return np.ascontiguousarray(planes[None])
        values = planes.astype(np.float32, order="C")
        if self.signature.colours != "rgb255":
            values /= 255
        if self.signature.colours == "imagenet":
            values = (values - _MEAN) / _STD
        return np.asarray(values[None], self.signature.type)
