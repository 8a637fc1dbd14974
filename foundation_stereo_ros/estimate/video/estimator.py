# SPDX-License-Identifier: Apache-2.0
"""Depth from posed video, frame by frame (DeepVideoMVS, arXiv 2012.02177)."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager, suppress
from os import PathLike, fspath
from typing import TYPE_CHECKING, Any, NamedTuple

import cv2
import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from foundation_stereo_ros.errors import DeviceMemoryError, ImageError, PoseError
from foundation_stereo_ros.estimate.device import (
    arithmetic,
    brought,
    give_back_unused,
    is_out_of_memory,
    memory_use,
    shortage,
    torch_device,
)
from foundation_stereo_ros.estimate.grid import resize_image, resize_map
from foundation_stereo_ros.estimate.interface import Engine
from foundation_stereo_ros.estimate.prediction import Prediction
from foundation_stereo_ros.estimate.stopwatch import Stopwatch
from foundation_stereo_ros.estimate.video.confidence import agreement
from foundation_stereo_ros.estimate.video.config import VideoSettings
from foundation_stereo_ros.estimate.video.keyframes import Decision, Keyframe, KeyframeBuffer, KeyframeConfig
from foundation_stereo_ros.geometry.camera import Camera
from foundation_stereo_ros.geometry.poses import check_pose, is_known, jump, motion
from foundation_stereo_ros.nets.stereo import for_inference
from foundation_stereo_ros.nets.video import Motion, VideoNetwork
from foundation_stereo_ros.nets.video.projection import moved, seen_in, unproject
from foundation_stereo_ros.shapes import DepthMap, Mask, Matrix, RgbImage
from foundation_stereo_ros.weights.shipped import SHIPPED_VIDEO, weights_in_words
from foundation_stereo_ros.weights.video import load_video_checkpoint

if TYPE_CHECKING:
    from typing_extensions import Self

_EDGE = 0.05  # of the depth: where linear and nearest interpolation differ by more, a depth edge lies between
_NO_BASELINE = 0.02  # metres: with less between the views, planes cannot be told apart


class PosedImage(NamedTuple):
    """A frame of a video.

    Attributes:
        image: H x W x 3, uint8, red, green, blue; without distortion.
        camera: of this image.
        pose: 4 x 4, from the camera's optical frame to a fixed frame, metres; NaN where it is not known.
    """

    image: RgbImage
    camera: Camera
    pose: Matrix


class _Kept(NamedTuple):
    """Of a keyframe: what the network compares, and the grey image where confidence needs it."""

    features: Any
    grey: Tensor | None


class _Remembered(NamedTuple):
    memory: Any
    pose: Matrix
    depth: Tensor


class _Found(NamedTuple):
    """On the network's grid."""

    depth: DepthMap
    seen: Mask
    confidence: npt.NDArray[np.float32] | None


class VideoEstimator:
    """Estimates the depth of keyframes of a posed video: an `interface.Estimator` with a memory.

    Args:
        config: settings.
        model: the network; None loads ``config.checkpoint``. It is moved to the device and set to evaluation.

    Attributes:
        config: the settings in use; see `reconfigure`.
        decision: what the last frame was; None before the first one.
        event: why everything was forgotten at the last frame, in a sentence; empty: it was not.

    Raises:
        CheckpointError: the weights cannot be loaded.
        ConfigError: there is no such device.
        DeviceMemoryError: the device has too little memory for the network.
    """

    def __init__(self, config: VideoSettings | None = None, model: VideoNetwork | None = None) -> None:
        self.config = config or VideoSettings()
        self.device = torch_device(self.config.device)
        self.decision: Decision | None = None
        self.event = ""
        loaded = for_inference(load_video_checkpoint(self.config.checkpoint)) if model is None else model
        self._model = brought(loaded, self.device).eval().requires_grad_(False)
        self.dtype = arithmetic(self.config.precision, self.device, loaded.config)
        config = self.config
        self._buffer: KeyframeBuffer[Any] = KeyframeBuffer(
            KeyframeConfig(
                size=config.keyframes,
                distance=config.keyframe_distance,
                optimal_translation=config.optimal_translation,
                patience=config.lost_after,
            )
        )
        self._compares_greys = not loaded.tells_certainty
        self._remembered: _Remembered | None = None
        self._last_pose: Matrix | None = None
        self._camera: Camera | None = None

    @property
    def nearest(self) -> float:
        """Least depth that the network can give, metres, at a ``range_scale`` of 1."""
        return float(self._model.config.min_depth)

    @property
    def farthest(self) -> float:
        """Greatest depth that the network can give, metres, at a ``range_scale`` of 1."""
        return float(self._model.config.max_depth)

    @property
    def reach(self) -> tuple[float, float]:
        """Least and greatest depth that it can give, metres, with the settings in use."""
        return self.nearest * self.config.range_scale, self.farthest * self.config.range_scale

    @classmethod
    def load(cls, weights: str | PathLike[str] = "", **settings: Any) -> Self:
        """Load weights.

        Args:
            weights: a weights file, or a folder of published ones. Empty: those that ship, "lean-video".
            settings: fields of `VideoSettings` by name; the others keep their defaults.

        Raises:
            CheckpointError: the weights cannot be loaded.
            ConfigError: an unknown setting, a value out of its range, or no such device.
        """
        return cls(VideoSettings.from_mapping({"checkpoint": fspath(weights), **settings}))

    def check_change(self, config: VideoSettings) -> None:
        """Refuse settings that need a new start.

        Raises:
            ConfigError: one of them differs.
        """
        self.config.check_change(config)

    def reconfigure(self, config: VideoSettings) -> None:
        """Use other settings from the next frame on.

        Raises:
            ConfigError: a setting differs that needs a new start.
        """
        self.check_change(config)
        if config.size != self.config.size:
            self.reset()
        self.config = config

    def engine(self) -> Engine:
        """Tell what computes and what memory is in use now."""
        memory = memory_use(self.device)
        used, total = (size / 2**20 for size in (memory.used_bytes, memory.total_bytes))
        return Engine(
            weights=weights_in_words(self.config.checkpoint, SHIPPED_VIDEO),
            device=str(self.device),
            precision=str(self.dtype).removeprefix("torch."),
            memory=f"{used:.0f} of {total:.0f} MiB ({memory.what})",
        )

    def reset(self) -> None:
        """Forget keyframes and memory: the next frame begins a new video."""
        self._buffer.clear()
        self._remembered = self._last_pose = self._camera = None

    def warm_up(self, width: int, height: int) -> None:
        """Run two grey images of this size, and forget them.

        Raises:
            DeviceMemoryError: as for a real frame.
        """
        grey = np.full((height, width, 3), 128, np.uint8)
        camera = Camera(width, height, fx=width, fy=width, cx=width / 2, cy=height / 2)
        for x in (0.0, self.config.range_scale):
            pose = np.eye(4)
            pose[0, 3] = x
            self._step(PosedImage(grey, camera, pose))
        self.reset()

    def to_host(self) -> None:
        """Keep the network in main memory and give the device's back; what was remembered is forgotten."""
        self.reset()
        self._model.to("cpu")
        give_back_unused(self.device)

    def to_device(self) -> None:
        """Bring the network back to its device.

        Raises:
            DeviceMemoryError: there is no room for it now.
        """
        brought(self._model, self.device)

    def step(self, sample: PosedImage) -> Prediction | None:
        """Take the next frame of the video.

        Returns:
            Its depth, on the camera's grid or the network's; None where the frame is no keyframe (but see
            ``every_frame``), is the first one, or has no pose. `decision` says which.

        Raises:
            ImageError: the image is not H x W x 3 uint8, or not of the camera's size.
            PoseError: the pose is no rotation and translation; the frame is left out.
            DeviceMemoryError: the device has too little memory.
        """
        return self._step(self._checked(sample))

    def pass_over(self, pose: Matrix) -> None:
        """Take note of a frame for whose image there is no time, by its pose alone.

        So a jump of the poses, or a loss of them, is noticed as if all frames were taken. The frame does not
        become a keyframe.

        Args:
            pose: as in `PosedImage`; of the same camera as the last frame.

        Raises:
            PoseError: the pose is no rotation and translation.
        """
        self.event = ""
        pose = np.asarray(pose, np.float64)
        if is_known(pose):
            pose = check_pose(pose)
            self._reset_where_it_does_not_go_on(self._camera, pose)
        self._decided(pose)

    def catch_up(self, samples: Iterable[PosedImage], memory: Sequence[Tensor]) -> None:
        """Take frames that were taken before, without predicting their depth again.

        Afterwards the next frame gets the depth that it would have had then.

        Args:
            samples: from the first frame of the video to a keyframe that got a depth.
            memory: what `memory` was after it.

        Raises:
            DeviceMemoryError: the device has too little memory.
        """
        self.reset()
        last = None
        for sample in samples:
            with suppress(ImageError, PoseError):  # which was told then
                pose = self._decided(self._checked(sample).pose)
                if self.decision in (Decision.FIRST, Decision.KEYFRAME):
                    self._buffer.add(pose, sample.image)
                    last = pose
        with self._computing():
            self._buffer.replace(lambda image: self._looked_at(self._shrunk(image)))
        if memory and last is not None:
            depth, *tensors = (tensor.to(self.device) for tensor in memory)
            self._remembered = _Remembered(
                self._model.memory_type(*tensors) if tensors else None, last, depth
            )

    @property
    def memory(self) -> tuple[Tensor, ...]:
        """What is remembered of the last prediction for a keyframe: its depth on the network's grid, and what
        the network itself remembers, if it does; empty: nothing."""
        before = self._remembered
        return (before.depth.clone(), *(before.memory or ())) if before else ()

    def _checked(self, sample: PosedImage) -> PosedImage:
        self.event = ""
        _check(sample)
        pose = np.asarray(sample.pose, np.float64)
        if is_known(pose):
            pose = check_pose(pose)
            self._reset_where_it_does_not_go_on(sample.camera, pose)
        return sample._replace(pose=pose)

    def _reset_where_it_does_not_go_on(self, camera: Camera | None, pose: Matrix) -> None:
        reason = ""
        if self._camera is not None and camera != self._camera:
            reason = "the camera changed"
        elif self._last_pose is not None:
            config, step = self.config, jump(self._last_pose, pose)
            far = 0 < config.jump_distance * config.range_scale < step.metres
            if far or 0 < config.jump_angle < step.degrees:
                reason = f"the pose jumped by {step.metres:.2f} m and {step.degrees:.0f} degrees"
        if reason:
            self.reset()
            self.event = f"{reason}: earlier frames are forgotten"
        self._camera, self._last_pose = camera, pose

    def _decided(self, known: Matrix) -> Matrix:
        """Set `decision`, and return the pose in the network's scale."""
        pose = np.array(known, np.float64)
        pose[:3, 3] /= self.config.range_scale
        self.decision = self._buffer.judge(pose)
        if self.decision in (Decision.LOST, Decision.STILL_LOST):
            if self.decision is Decision.LOST:
                self.event = (
                    f"{self.config.lost_after + 1} frames in a row have no pose: earlier frames are forgotten"
                )
            self._remembered = self._last_pose = None
        return pose

    def _step(self, sample: PosedImage) -> Prediction | None:
        pose = self._decided(sample.pose)
        keyframe = self.decision in (Decision.FIRST, Decision.KEYFRAME)
        extra = self.decision is Decision.TOO_NEAR and self.config.every_frame
        if not (keyframe or extra):
            return None
        views = self._buffer.views(pose, self.config.views)
        baseline = max((float(np.linalg.norm(motion(pose, v.pose)[:3, 3])) for v in views), default=0.0)
        if extra and baseline < _NO_BASELINE:
            return None
        watch = Stopwatch()
        with self._computing():
            small = self._shrunk(sample.image)
            features = self._model.encode(small)
            watch.lap("features")
            if keyframe:
                self._buffer.add(pose, _Kept(self._model.kept(features), self._grey(small)))
            if not views:
                return None
            found = self._predict(small, features, pose, views, sample.camera, keep=keyframe)
            watch.lap("network")
        return self._judged(sample, found, baseline, watch)

    def _predict(
        self,
        small: Tensor,
        features: Any,
        pose: Matrix,
        views: list[Keyframe[_Kept]],
        camera: Camera,
        keep: bool,
    ) -> _Found:
        intrinsics = self._intrinsics(camera)
        motions = [self._tensor(motion(pose, view.pose)) for view in views]
        measured = [(view.content.features, move) for view, move in zip(views, motions, strict=True)]
        before, moves, previous = self._remembered, None, None
        if before is not None:
            moves = Motion(self._tensor(motion(before.pose, pose)), self._tensor(motion(pose, before.pose)))
            previous = (before.memory, moves) if before.memory is not None else None
        output = self._model.predict(small, features, measured, intrinsics, previous)
        depth = output.depths[0].float()
        seen = _seen_by_any(depth, motions, intrinsics)
        confidence = output.certainty
        grey = self._grey(small)
        if grey is not None and self.config.confidence:
            others = [
                (view.content.grey, move)
                for view, move in zip(views, motions, strict=True)
                if view.content.grey is not None
            ]
            last = (before.depth, moves.to_previous) if before and moves else None
            confidence = agreement(depth, grey, others, intrinsics, last)
        if keep:
            self._remembered = _Remembered(output.memory, pose, depth)
        return _Found(
            np.asarray(depth[0].cpu().numpy(), np.float32),
            np.asarray(seen[0].cpu().numpy(), np.bool_),
            None if confidence is None else np.asarray(confidence[0].float().cpu().numpy(), np.float32),
        )

    def _looked_at(self, small: Tensor) -> _Kept:
        return _Kept(self._model.kept(self._model.encode(small)), self._grey(small))

    def _grey(self, small: Tensor) -> Tensor | None:
        """Return what `agreement` compares, where the network does not say itself how sure it is."""
        return small.mean(dim=1, keepdim=True) if self._compares_greys else None

    def _judged(self, sample: PosedImage, found: _Found, baseline: float, watch: Stopwatch) -> Prediction:
        config, camera, image = self.config, sample.camera, sample.image
        depth = found.depth * np.float32(config.range_scale)
        valid = found.seen if config.remove_invisible else np.ones_like(found.seen)
        if config.grid == "camera":
            size = (camera.width, camera.height)
            depth, valid = _enlarged(depth, size), _nearest(valid, size)
        else:
            camera, image = camera.scaled(*config.network_size), resize_image(image, config.network_size)
        confidence = found.confidence if config.confidence else None
        if confidence is not None:
            confidence = resize_map(confidence, (camera.width, camera.height))
            valid = valid & (confidence >= config.confidence_threshold)
        valid = valid & (depth >= config.z_near) & (depth <= config.z_far)
        watch.lap("depth")
        note = ""
        if baseline < _NO_BASELINE:
            note = (
                f"the camera moved by {1000 * baseline * config.range_scale:.0f} mm only: "
                "this depth is a guess from one image"
            )
        return Prediction(
            image=image,
            depth=np.where(valid, depth, np.float32(np.nan)),
            camera=camera,
            confidence=confidence,
            seconds=watch.seconds,
            view="image",
            note=note,
        )

    def _shrunk(self, image: RgbImage) -> Tensor:
        # On float32, as the published networks had their images at test time.
        small = cv2.resize(image.astype(np.float32), self.config.network_size, interpolation=cv2.INTER_LINEAR)
        return torch.from_numpy(small).to(self.device).permute(2, 0, 1)[None]

    def _intrinsics(self, camera: Camera) -> Tensor:
        return self._tensor(camera.scaled(*self.config.network_size).matrix)

    def _tensor(self, matrix: Matrix) -> Tensor:
        return torch.from_numpy(matrix).float().to(self.device)[None]

    @contextmanager
    def _computing(self) -> Iterator[None]:
        lower = self.dtype != torch.float32
        try:
            with torch.inference_mode(), torch.autocast(self.device.type, self.dtype, enabled=lower):
                yield
        except (RuntimeError, MemoryError) as error:
            if not is_out_of_memory(error):
                raise
            raise DeviceMemoryError(shortage(error, self.device)) from None


def _seen_by_any(depth: Tensor, motions: list[Tensor], intrinsics: Tensor) -> Tensor:
    size = (depth.shape[-2], depth.shape[-1])
    points, seen = unproject(depth, intrinsics), torch.zeros_like(depth, dtype=torch.bool)
    for move in motions:
        seen |= seen_in(moved(points, move), intrinsics, size)[2]
    return seen


def _enlarged(depth: DepthMap, size: tuple[int, int]) -> DepthMap:
    """Resize linearly in inverse depth, but keep edges sharp: no point hangs between two surfaces."""
    if (depth.shape[1], depth.shape[0]) == size:
        return depth
    smooth = 1 / cv2.resize(1 / depth, size, interpolation=cv2.INTER_LINEAR)
    nearest = cv2.resize(depth, size, interpolation=cv2.INTER_NEAREST_EXACT)
    return np.asarray(np.where(np.abs(smooth - nearest) <= _EDGE * nearest, smooth, nearest), np.float32)


def _nearest(mask: Mask, size: tuple[int, int]) -> Mask:
    values: npt.NDArray[np.uint8] = mask.astype(np.uint8)
    return np.asarray(cv2.resize(values, size, interpolation=cv2.INTER_NEAREST_EXACT) > 0, np.bool_)


def _check(sample: PosedImage) -> None:
    image, camera = sample.image, sample.camera
    if image.ndim != 3 or image.shape[2] != 3 or image.dtype != np.uint8:
        raise ImageError(f"image is {image.dtype} {image.shape}; expected uint8 (height, width, 3)")
    if image.shape[:2] != (camera.height, camera.width):
        raise ImageError(
            f"image is {image.shape[1]} x {image.shape[0]} pixels; expected the camera's {camera.width} x "
            f"{camera.height}"
        )
