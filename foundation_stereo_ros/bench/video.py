# SPDX-License-Identifier: Apache-2.0
"""How long a keyframe of a posed video takes, and how much longer with plain arithmetic."""

from __future__ import annotations

import copy
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

from foundation_stereo_ros.bench.inputs import SHIFT, randomize, stereo_pictures
from foundation_stereo_ros.bench.report import percentiles
from foundation_stereo_ros.errors import ConfigError
from foundation_stereo_ros.estimate.video.config import VideoSettings
from foundation_stereo_ros.estimate.video.estimator import PosedImage, VideoEstimator
from foundation_stereo_ros.geometry.camera import Camera
from foundation_stereo_ros.nets.stereo import for_inference
from foundation_stereo_ros.nets.video import DeepVideoMVS, VideoNetwork, build_video_network, video_preset
from foundation_stereo_ros.nets.video.projection import pixel_rays, reduced
from foundation_stereo_ros.weights.checkpoint import weights_sha256
from foundation_stereo_ros.weights.shipped import SHIPPED_VIDEO, find_checkpoint
from foundation_stereo_ros.weights.video import load_video_checkpoint

_STEP = 0.12  # metres from keyframe to keyframe
_WARM_UPS = 4  # keyframes; then there are two to compare with, and a memory


@dataclass(frozen=True)
class VideoCase:
    """What is measured.

    Attributes:
        preset: a network with random weights; None: the checkpoint.
        checkpoint: a weights file, or a folder of published ones; empty: the weights that ship.
        height, width: of the images and of the network's, pixels; multiples of 32.
        precision, device: as in `VideoSettings`.
    """

    preset: str | None = None
    checkpoint: str = ""
    height: int = 256
    width: int = 320
    precision: str = "auto"
    device: str = "auto"

    @property
    def name(self) -> str:
        """What tables call it."""
        return self.preset or find_checkpoint(self.checkpoint, SHIPPED_VIDEO).name

    def load(self) -> VideoNetwork:
        """Build the network, in evaluation mode.

        Raises:
            CheckpointError: the weights cannot be used.
            ConfigError: there is no such preset.
        """
        if self.preset is None:
            return load_video_checkpoint(self.checkpoint)
        network = build_video_network(video_preset(self.preset)).eval()
        randomize(network)
        return network


@dataclass(frozen=True)
class VideoTimes:
    """What came out of a case.

    Attributes:
        case: as it was given.
        precision: arithmetic of the convolutions.
        device: where it ran.
        runs: stage -> milliseconds, for each timed keyframe.
        plain: milliseconds of the keyframes of the plain form, in turns with those; empty: not measured.
        difference: largest difference of the two forms' depths, relative; None: not measured.
    """

    case: VideoCase
    precision: str
    device: torch.device
    runs: Sequence[dict[str, float]]
    plain: Sequence[float]
    difference: float | None

    @property
    def speedup(self) -> float | None:
        """How many times as long the plain form takes: the median of the runs' ratios, pair by pair."""
        pairs = zip(self.plain, self.runs, strict=False)
        ratios = [plain / sum(run.values()) for plain, run in pairs]
        return float(np.median(ratios)) if ratios else None

    def facts(self) -> dict[str, Any]:
        """Return all of it as JSON has it."""
        case, totals = self.case, [sum(run.values()) for run in self.runs]
        file = None if case.preset else find_checkpoint(case.checkpoint, SHIPPED_VIDEO)
        return {
            "name": case.name,
            "preset": case.preset,
            "weights_sha256": weights_sha256(Path(file)) if file else None,
            "height": case.height,
            "width": case.width,
            "precision": self.precision,
            "device": str(self.device),
            "ms": {
                "keyframe": percentiles(totals),
                **{stage: percentiles([run[stage] for run in self.runs]) for stage in self.runs[0]},
            },
            "plain_ms": percentiles(self.plain) if self.plain else None,
            "speedup_over_plain": self.speedup,
            "difference_relative": self.difference,
        }

    def table(self) -> str:
        """Return the figures as text for the terminal."""
        case, facts = self.case, self.facts()
        lines = [f"{case.name}, {case.height} x {case.width}, {self.precision}, {self.device}"]
        lines.append(f"{'':<17}{'p50 ms':>9}{'p95 ms':>9}")
        for stage, times in facts["ms"].items():
            lines.append(f"{stage:<17}{times['p50']:>9.1f}{times['p95']:>9.1f}")
        lines.append(f"{1e3 / facts['ms']['keyframe']['p50']:.1f} keyframes a second")
        if self.plain:
            lines.append(
                f"plain form: {facts['plain_ms']['p50']:.1f} ms, {self.speedup:.2f} times as long; depths "
                f"differ by {self.difference:.1e} of the depth at most"
            )
        return "\n".join(lines)


def measure_video(
    case: VideoCase,
    repeats: int,
    plain: bool,
    tell: Callable[[str], None],
    now: Callable[[], float] = time.perf_counter,
) -> VideoTimes:
    """Measure keyframes in a row, each compared with two earlier ones.

    Args:
        case: which network, on what.
        repeats: timed keyframes.
        plain: also the plain form: norms not folded, and the sweep as the paper tells it, plane by plane.
        tell: is told what is being done.
        now: seconds of some clock.

    Raises:
        ConfigError: a lean network in plain form, no such device or preset.
        CheckpointError: the weights cannot be loaded.
        DeviceMemoryError: the device has too little memory.
    """
    tell("loading")
    network = case.load()
    forms: list[VideoNetwork] = []
    if plain:
        if not isinstance(network, DeepVideoMVS):
            raise ConfigError(f"{case.name} has no plain form; expected pairnet or fusionnet")
        told = copy.deepcopy(network)  # before its norms are folded
        told.sweep = partial(_plain_sweep, told)  # type: ignore[method-assign]
        forms.append(told)
    forms.insert(0, for_inference(network))
    settings = VideoSettings(
        device=case.device, precision=case.precision, size=f"{case.height}x{case.width}", grid="network"
    )
    estimators = [VideoEstimator(settings, form) for form in forms]
    runs: list[dict[str, float]] = []
    times: list[float] = []
    difference: float | None = None
    for number in range(_WARM_UPS + repeats):
        tell(f"keyframe {number + 1} of {_WARM_UPS + repeats}")
        sample, depths = _sample(case, number), {}
        order = range(len(forms))
        for form in order if number % 2 else reversed(order):
            began = now()
            prediction = estimators[form].step(sample)
            if estimators[form].device.type == "cuda":
                torch.cuda.synchronize()
            took = 1e3 * (now() - began)
            if prediction is None or number < _WARM_UPS:
                continue
            depths[form] = prediction.depth
            if form:
                times.append(took)
            else:
                stages = {name: 1e3 * seconds for name, seconds in prediction.seconds.items()}
                runs.append({**stages, "rest": max(0.0, took - sum(stages.values()))})
        if len(depths) == 2:
            apart = float(np.nanmax(np.abs(depths[0] / depths[1] - 1)))
            difference = max(apart, difference or 0.0)
    estimator = estimators[0]
    precision = str(estimator.dtype).removeprefix("torch.")
    return VideoTimes(case, precision, estimator.device, runs, times, difference)


def _sample(case: VideoCase, number: int) -> PosedImage:
    """Return a keyframe of a camera that moves to the right before a textured plane; as many as wanted."""
    picture, _ = stereo_pictures(case.height, case.width)
    width, height = case.width, case.height
    camera = Camera(width, height, fx=width, fy=width, cx=width / 2, cy=height / 2)
    pose = np.eye(4)
    pose[0, 3] = _STEP * number
    return PosedImage(np.roll(picture, -SHIFT * number, axis=1), camera, pose)


def _plain_sweep(
    network: DeepVideoMVS, features: Any, views: Sequence[tuple[Tensor, Tensor]], intrinsics: Tensor
) -> Tensor:
    """Return what `DeepVideoMVS.sweep` does, as the paper tells it: a warp of each view for each plane."""
    own, k = network.kept(features), reduced(intrinsics, 2)
    height, width = own.shape[-2:]
    rays = torch.linalg.inv(k) @ pixel_rays((height, width), k)
    total = torch.zeros(len(own), network.config.planes, height, width, device=own.device)
    half = torch.tensor([width / 2, height / 2], device=own.device).view(2, 1)
    for theirs, move in views:
        for number, inverse in enumerate(network.inverse_depth.to(k)):
            there = k @ (move[:, :3, :3] @ (rays / inverse) + move[:, :3, 3:])
            grid = (there[:, :2] / (there[:, 2:] + 1e-8) - half) / half
            grid = grid.transpose(1, 2).unflatten(1, (height, width)).to(theirs.dtype)
            warped = F.grid_sample(theirs, grid, align_corners=True)
            total[:, number] += (warped * own).mean(dim=1)
    return total / len(views)
