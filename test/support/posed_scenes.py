# SPDX-License-Identifier: Apache-2.0
"""Posed videos for tests: generated clips, and folders with them in the layouts that people have."""

from __future__ import annotations

from functools import lru_cache
from pathlib import Path

import numpy as np
import torch

from foundation_stereo_ros.io.pictures import write_png
from foundation_stereo_ros.nets.video import DeepVideoMVS, LeanVideo, LeanVideoConfig, VideoConfig
from foundation_stereo_ros.scenes.moving.worlds import MovingClip, MovingConfig, MovingScenes


@lru_cache(maxsize=4)
def small_clip(frames: int = 6, seed: int = 0, height: int = 96, width: int = 128) -> MovingClip:
    """Return a clip with much texture whose camera moves by 10 to 20 cm from frame to frame."""
    config = MovingConfig(step_low=0.12, step_high=0.2, turning=0.3, bare=0.0, outdoors=0.0)
    return MovingScenes(config).clip(seed, frames, height, width)


@lru_cache(maxsize=2)
def small_network(recurrent: bool = False) -> DeepVideoMVS:
    """Return a tiny network with random weights; callers leave it as it is."""
    widths = (8, 8, 16, 24, 40)
    config = VideoConfig(recurrent=recurrent, width=4, pyramid_width=8, planes=8, trunk_widths=widths)
    torch.manual_seed(1)
    return DeepVideoMVS(config).eval()


@lru_cache(maxsize=1)
def small_lean() -> LeanVideo:
    """Return the same of the lean kind."""
    torch.manual_seed(1)
    return LeanVideo(LeanVideoConfig(widths=(4, 8, 8, 8), matching_width=8, groups=2, planes=16)).eval()


def write_deepvideomvs(folder: Path, clip: MovingClip, lost: tuple[int, ...] = ()) -> None:
    """Write images/, depth/, poses.txt and K.txt; frames ``lost`` have no pose."""
    for number, (image, depth) in enumerate(zip(clip.images, clip.depths, strict=True)):
        write_png(folder / "images" / f"{number:05d}.png", image)
        write_png(folder / "depth" / f"{number:05d}.png", np.rint(depth * 1000).astype(np.uint16))
    poses = [np.full(16, np.nan) if i in lost else pose.ravel() for i, pose in enumerate(clip.poses)]
    np.savetxt(folder / "poses.txt", poses)
    np.savetxt(folder / "K.txt", clip.camera.matrix)


def quaternion(pose: np.ndarray) -> np.ndarray:
    """Return x, y, z, w of a pose's rotation of less than half a turn."""
    rotation = pose[:3, :3]
    w = np.sqrt(max(1 + np.trace(rotation), 1e-12)) / 2
    x, y, z = (rotation[i, j] - rotation[j, i] for i, j in ((2, 1), (0, 2), (1, 0)))
    return np.array((x / (4 * w), y / (4 * w), z / (4 * w), w))
