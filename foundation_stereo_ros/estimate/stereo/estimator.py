# SPDX-License-Identifier: Apache-2.0
"""The network applied to one rectified pair: scale, pad, infer, undo both, and judge the result."""

from __future__ import annotations

from os import PathLike, fspath
from typing import TYPE_CHECKING, Any

import numpy as np
import torch

from foundation_stereo_ros.errors import ConfigError, ImageError
from foundation_stereo_ros.estimate.config import PipelineConfig
from foundation_stereo_ros.estimate.device import torch_device
from foundation_stereo_ros.estimate.grid import resize_disparity, resize_image, resize_map, scaled_size
from foundation_stereo_ros.estimate.interface import Engine, StereoSample
from foundation_stereo_ros.estimate.prediction import Prediction, StereoMatch
from foundation_stereo_ros.estimate.stereo.backend import Backend
from foundation_stereo_ros.estimate.stereo.inference import Inference
from foundation_stereo_ros.estimate.stereo.onnx_backend import SUFFIX, OnnxBackend
from foundation_stereo_ros.estimate.stereo.pair_checks import PairChecks
from foundation_stereo_ros.estimate.stereo.torch_backend import TorchBackend
from foundation_stereo_ros.estimate.stopwatch import Stopwatch
from foundation_stereo_ros.estimate.validity import CERTAIN_ENOUGH, left_right_confidence, valid_mask
from foundation_stereo_ros.geometry.camera import Camera, StereoRig
from foundation_stereo_ros.geometry.depth import disparity_to_depth
from foundation_stereo_ros.nets.stereo import StereoNetwork
from foundation_stereo_ros.shapes import RgbImage
from foundation_stereo_ros.weights.shipped import find_checkpoint, weights_in_words

if TYPE_CHECKING:
    from typing_extensions import Self


class StereoEstimator:
    """Estimates disparity and depth of rectified pairs: an `interface.Estimator`.

    No result depends on an earlier pair, but for its ``remarks``: whether the images go together is measured
    for the first pairs and then now and then.

    Args:
        config: settings.
        model: the network; None loads ``config.checkpoint``. It is moved to the device and set to evaluation.

    Attributes:
        config: the settings in use; see `reconfigure`.
        backend: what runs the network.

    Raises:
        CheckpointError: the weights cannot be loaded.
        ConfigError: there is no such device, or the model cannot follow a setting.
    """

    def __init__(self, config: PipelineConfig | None = None, model: StereoNetwork | None = None) -> None:
        self.config = config or PipelineConfig()
        self.backend: Backend = (
            _load(self.config)
            if model is None
            else TorchBackend(model, torch_device(self.config.device), self.config)
        )
        self.backend.check(self.config)
        self._inference = Inference(self.backend)
        self._checks = PairChecks(self.backend)

    @classmethod
    def load(cls, weights: str | PathLike[str] = "", **settings: Any) -> Self:
        """Load weights.

        Args:
            weights: "lean" or "tiny", which ship with the package; a weights file; or an ``.onnx`` model.
                Empty: lean.
            settings: fields of `PipelineConfig` by name, as ``scale=0.5``; the others keep their defaults.

        Raises:
            CheckpointError: the weights cannot be loaded.
            ConfigError: an unknown setting, a value out of its range, or no such device.
            DeviceMemoryError: the device has too little memory for the network.
        """
        return cls(PipelineConfig.from_mapping({"checkpoint": fspath(weights), **settings}))

    @property
    def device(self) -> torch.device:
        """Where the network runs."""
        return self.backend.device

    @property
    def dtype(self) -> torch.dtype:
        """Arithmetic of its convolutions."""
        return self.backend.dtype

    @property
    def iterations(self) -> int | None:
        """Refinements that the settings mean; None where an ONNX model does not say."""
        return self.backend.iterations(self.config)

    @property
    def in_torch(self) -> bool:
        """Whether there is a `model`."""
        return isinstance(self.backend, TorchBackend)

    @property
    def model(self) -> StereoNetwork:
        """The network in PyTorch; may be replaced.

        Raises:
            ConfigError: it runs elsewhere.
        """
        return self._torch().model

    @model.setter
    def model(self, model: StereoNetwork) -> None:
        self._torch().model = model

    def _torch(self) -> TorchBackend:
        if not isinstance(self.backend, TorchBackend):
            raise ConfigError(f"checkpoint is {self.config.checkpoint!r}; expected weights for PyTorch here")
        return self.backend

    def check_change(self, config: PipelineConfig) -> None:
        """Refuse settings that the loaded network cannot follow.

        Raises:
            ConfigError: a setting differs that needs the network to be loaded again, or does not go with it.
        """
        self.config.check_change(config)
        self.backend.check(config)

    def reconfigure(self, config: PipelineConfig) -> None:
        """Use other settings from the next pair on.

        Raises:
            ConfigError: a setting differs that needs the network to be loaded again, or does not go with it.
        """
        self.check_change(config)
        self.config = config

    def engine(self) -> Engine:
        """Tell what computes and what memory is in use now."""
        memory = self.backend.memory_use()
        used, total = (size / 2**20 for size in (memory.used_bytes, memory.total_bytes))
        return Engine(
            weights=weights_in_words(self.config.checkpoint),
            device=str(self.device),
            precision=str(self.dtype).removeprefix("torch."),
            memory=f"{used:.0f} of {total:.0f} MiB ({memory.what})",
        )

    def reset(self) -> None:
        """Measure again whether the images go together; another rig does that by itself."""
        self._checks.reset()

    def warm_up(self, width: int, height: int) -> None:
        """Run a pair of grey images of this size, so that the first real one does not pay for the set-up.

        Raises:
            DeviceMemoryError: as for a real pair.
        """
        grey = np.full((height, width, 3), 128, np.uint8)
        camera = Camera(width, height, fx=width, fy=width, cx=width / 2, cy=height / 2)
        self(grey, grey, StereoRig(camera, camera, baseline=0.1))
        self.reset()

    def to_host(self) -> None:
        """Keep the network in main memory and give the device's back; `to_device` before the next pair."""
        self.backend.to_host()

    def to_device(self) -> None:
        """Bring the network back to its device after `to_host`.

        Raises:
            DeviceMemoryError: there is no room for it now.
        """
        self._inference.bring_to_device()

    def step(self, sample: StereoSample) -> Prediction:
        """Estimate one pair, as a call does."""
        return self(*sample)

    def __call__(self, left: RgbImage, right: RgbImage, rig: StereoRig) -> Prediction:
        """Estimate one pair.

        Args:
            left: H x W x 3, uint8, red, green, blue; rectified, from the left camera.
            right: the same size, from the right camera.
            rig: the cameras of these images.

        Returns:
            The result on the images' grid or, without ``full_resolution``, on the grid resized by ``scale``.

        Raises:
            ImageError: an image is not H x W x 3 uint8, or the sizes differ from each other or from the
                camera's.
            DeviceMemoryError: the device has too little memory for images of this size.
            ConfigError: ``memory_budget`` is too small for anything.
        """
        config, watch = self.config, Stopwatch()
        _check(left, right, rig)
        size = (rig.left.width, rig.left.height)
        small_size = scaled_size(size, config.scale)
        image, other = resize_image(left, small_size), resize_image(right, small_size)
        watch.lap("scale")
        plan = self._inference.plan(small_size, config)
        reach = self._inference.reach(small_size, config, plan)
        check = self._checks.begin((left, right), (image, other), rig, reach, config)
        shift = self._inference(image, other, config, plan)
        watch.lap("network")
        reach = self._inference.reach(small_size, config, plan)
        refinements, confidence = self.backend.refinements, None
        if config.confidence:
            mirrored = self._inference(other[:, ::-1], image[:, ::-1], config, plan)[:, ::-1]
            confidence = left_right_confidence(shift, mirrored, config.confidence_threshold)
            watch.lap("consistency")
        out_size = size if config.full_resolution else small_size
        too_near, remarks = self._checks.finish(check, shift, out_size, config)
        watch.lap("checks")
        if config.full_resolution:
            shift, image = resize_disparity(shift, size), left
            reach = reach and reach * size[0] / small_size[0]
            confidence = None if confidence is None else resize_map(confidence, size)
        else:
            # The rounded size, not `scale`, is what the pixels and the disparities follow.
            rig = rig if small_size == size else rig.scaled(*small_size)
        # The one place where the principal points' difference is taken off (DisparityImage.msg).
        disparity = shift - np.float32(rig.doffs)
        depth = disparity_to_depth(disparity, rig)
        valid = valid_mask(shift, depth, config)
        if confidence is not None:
            valid &= confidence >= CERTAIN_ENOUGH
        if too_near is not None:
            valid &= ~too_near
        depth = np.where(valid, depth, np.float32(np.nan))
        watch.lap("depth")
        return Prediction(
            image=image,
            depth=depth,
            camera=rig.left,
            confidence=confidence,
            match=StereoMatch(disparity, rig, reach and reach - rig.doffs),
            seconds=watch.seconds,
            refinements=refinements,
            note=plan.sentence,
            remarks=remarks,
        )


def _load(config: PipelineConfig) -> Backend:
    path = find_checkpoint(config.checkpoint)
    if path.suffix == SUFFIX:
        return OnnxBackend(path, config)
    return TorchBackend.load(path, torch_device(config.device), config)


def _check(left: RgbImage, right: RgbImage, rig: StereoRig) -> None:
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
    for name, camera in (("left", rig.left), ("right", rig.right)):
        if (camera.height, camera.width) != left.shape[:2]:
            raise ImageError(
                f"images are {sizes[0]} pixels; expected {camera.width} x {camera.height}, "
                f"the {name} camera's size"
            )
