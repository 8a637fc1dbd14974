# SPDX-License-Identifier: Apache-2.0
"""The network applied to one rectified pair: scale, pad, infer, undo both, and judge the result."""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor

from foundation_stereo_ros.errors import ConfigError, DeviceMemoryError, ImageError
from foundation_stereo_ros.geometry.camera import Camera, StereoCamera
from foundation_stereo_ros.geometry.depth import disparity_to_depth
from foundation_stereo_ros.network import FoundationStereo, for_inference, load_checkpoint, pad_to_multiple
from foundation_stereo_ros.pipeline.arithmetic import arithmetic
from foundation_stereo_ros.pipeline.config import PipelineConfig
from foundation_stereo_ros.pipeline.device_memory import (
    give_back_unused,
    is_out_of_memory,
    memory_use,
    wanted_bytes,
)
from foundation_stereo_ros.pipeline.grid import enlarge, enlarge_disparity, scaled_size, shrink
from foundation_stereo_ros.pipeline.result import StereoResult
from foundation_stereo_ros.pipeline.stopwatch import Stopwatch
from foundation_stereo_ros.pipeline.validity import CERTAIN_ENOUGH, left_right_confidence, valid_mask
from foundation_stereo_ros.pipeline.weights import shipped_checkpoint
from foundation_stereo_ros.shapes import DisparityMap, RgbImage


class StereoEstimator:
    """Estimates disparity and depth of rectified pairs.

    Args:
        config: settings.
        model: the network; None loads ``config.checkpoint``. It is moved to the device and set to evaluation.

    Attributes:
        config: the settings in use; see `reconfigure`.
        device: where the network runs.
        dtype: arithmetic of its convolutions.

    Raises:
        CheckpointError: the weights cannot be loaded.
        ConfigError: there is no such device.
    """

    def __init__(self, config: PipelineConfig | None = None, model: FoundationStereo | None = None) -> None:
        self.config = config or PipelineConfig()
        self.device = _device(self.config.device)
        if model is None:
            path = self.config.checkpoint or shipped_checkpoint()
            model = for_inference(load_checkpoint(path, device=self.device))
        self.model = model.to(self.device).eval().requires_grad_(False)
        self.dtype = arithmetic(self.config.precision, self.device, self.model.config)
        if self.config.compile:
            self.model.compile()

    def reconfigure(self, config: PipelineConfig) -> None:
        """Use other settings from the next pair on.

        Raises:
            ConfigError: a setting differs that needs the network to be loaded again.
        """
        self.config.check_change(config)
        self.config = config

    def warm_up(self, width: int, height: int) -> None:
        """Run a pair of grey images of this size, so that the first real one does not pay for the set-up.

        Raises:
            DeviceMemoryError: as for a real pair.
        """
        grey = np.full((height, width, 3), 128, np.uint8)
        camera = Camera(width, height, fx=width, fy=width, cx=width / 2, cy=height / 2)
        self(grey, grey, StereoCamera(camera, camera, baseline=0.1))

    def to_host(self) -> None:
        """Keep the network in main memory and give the device's back; `to_device` before the next pair."""
        self.model.to("cpu")
        give_back_unused(self.device)

    def to_device(self) -> None:
        """Bring the network back to its device after `to_host`.

        Raises:
            DeviceMemoryError: there is no room for it now.
        """
        try:
            self.model.to(self.device)
        except (RuntimeError, MemoryError) as error:
            if not is_out_of_memory(error):
                raise
            raise DeviceMemoryError(f"the network does not fit: {self._shortage(error)}") from None

    def __call__(self, left_rgb: RgbImage, right_rgb: RgbImage, stereo: StereoCamera) -> StereoResult:
        """Estimate one pair.

        Args:
            left_rgb: H x W x 3, rectified, from the left camera.
            right_rgb: the same size, from the right camera.
            stereo: the cameras of these images.

        Returns:
            The result on the images' grid or, without ``full_resolution``, on the grid shrunk by ``scale``.

        Raises:
            ImageError: an image is not H x W x 3 uint8, or the sizes differ from each other or from the
                camera's.
            DeviceMemoryError: the device has too little memory for images of this size.
        """
        config, watch = self.config, Stopwatch()
        _check(left_rgb, right_rgb, stereo)
        size = (stereo.left.width, stereo.left.height)
        small_size = scaled_size(size, config.scale)
        left, right = shrink(left_rgb, small_size), shrink(right_rgb, small_size)
        watch.lap("scale")
        shift = self._try(left, right, config)
        watch.lap("network")
        confidence = None
        if config.confidence:
            mirrored = self._try(right[:, ::-1], left[:, ::-1], config)[:, ::-1]
            confidence = left_right_confidence(shift, mirrored, config.confidence_threshold)
            watch.lap("consistency")
        if config.full_resolution:
            shift, left = enlarge_disparity(shift, size), left_rgb
            confidence = None if confidence is None else enlarge(confidence, size)
        else:
            # The rounded size, not `scale`, is what the pixels and the disparities follow.
            stereo = stereo if small_size == size else stereo.scaled(*small_size)
        # The one place where the principal points' difference is taken off (DisparityImage.msg).
        disparity = shift - np.float32(stereo.doffs)
        depth = disparity_to_depth(disparity, stereo)
        valid = valid_mask(shift, depth, config)
        if confidence is not None:
            valid &= confidence >= CERTAIN_ENOUGH
        depth = np.where(valid, depth, np.float32(np.nan))
        watch.lap("depth")
        return StereoResult(left, disparity, depth, valid, stereo, confidence, watch.seconds)

    def _try(self, left: RgbImage, right: RgbImage, config: PipelineConfig) -> DisparityMap:
        try:
            return self._infer(left, right, config)
        except (RuntimeError, MemoryError) as error:
            if not is_out_of_memory(error):
                raise
            shortage = self._shortage(error)
        # Only here, where nothing holds on to the error and, through it, to half a network's tensors.
        give_back_unused(self.device)
        lower = "or precision fp16" if self.device.type == "cuda" and self.dtype == torch.float32 else ""
        raise DeviceMemoryError(
            f"out of memory for a pair of {left.shape[1]} x {left.shape[0]} pixels: {shortage}; "
            f"expected less to do: lower scale (now {config.scale:g}) {lower}".rstrip()
        )

    def _shortage(self, error: BaseException) -> str:
        used, total, what = memory_use(self.device)
        wanted = wanted_bytes(error)
        more = f"{wanted / 2**30:.2f} GiB more needed, " if wanted else ""
        return f"{more}{what} uses {used / 2**30:.2f} of {total / 2**30:.2f} GiB"

    def _infer(self, left: RgbImage, right: RgbImage, config: PipelineConfig) -> DisparityMap:
        iterations = config.iterations or self.model.config.iterations
        autocast = torch.autocast(self.device.type, self.dtype, enabled=self.dtype != torch.float32)
        with torch.inference_mode(), autocast:
            # Padded here also for the hierarchical run, whose own padding would offset its first guess.
            left_padded, padding = pad_to_multiple(self._tensor(left))
            right_padded = padding.apply(self._tensor(right))
            if config.hierarchical:
                disparity = self.model.hierarchical(left_padded, right_padded, iterations, config.small_ratio)
            else:
                disparity = self.model(left_padded, right_padded, iterations)
            return np.asarray(padding.crop(disparity)[0, 0].float().cpu().numpy(), np.float32)

    def _tensor(self, image: RgbImage) -> Tensor:
        pixels = torch.from_numpy(np.array(image, order="C", copy=True)).to(self.device)
        return pixels.permute(2, 0, 1)[None].float()


def _device(name: str) -> torch.device:
    if name == "auto":
        return torch.device("cuda" if torch.cuda.is_available() else "cpu")
    try:
        device = torch.device(name)
    except RuntimeError:
        raise ConfigError(f"device is {name!r}; expected auto, cpu, cuda or cuda:N") from None
    if device.type == "cuda" and (device.index or 0) >= torch.cuda.device_count():
        raise ConfigError(f"device is {name!r}; PyTorch sees {torch.cuda.device_count()} CUDA devices here")
    return device


def _check(left: RgbImage, right: RgbImage, stereo: StereoCamera) -> None:
    for name, image in (("left", left), ("right", right)):
        if image.ndim != 3 or image.shape[2] != 3 or image.dtype != np.uint8:
            raise ImageError(
                f"{name} image is {image.dtype} {image.shape}; expected uint8 (height, width, 3)"
            )
    sizes = [f"{im.shape[1]} x {im.shape[0]}" for im in (left, right)]
    if left.shape != right.shape:
        raise ImageError(
            f"left image is {sizes[0]} and right image is {sizes[1]} pixels; expected the same size"
        )
    for name, camera in (("left", stereo.left), ("right", stereo.right)):
        if (camera.height, camera.width) != left.shape[:2]:
            raise ImageError(
                f"images are {sizes[0]} pixels; expected {camera.width} x {camera.height}, "
                f"the {name} camera's size"
            )
