# SPDX-License-Identifier: Apache-2.0
"""Messages of a small stereo camera, and a small real pipeline, for the tests of the live core."""

from __future__ import annotations

import functools
from typing import Any

import numpy as np
import torch
from waiting import PATIENCE_S as PATIENCE_S
from waiting import wait_until as wait_until

from foundation_stereo_ros.estimate.config import PipelineConfig
from foundation_stereo_ros.estimate.stereo.estimator import StereoEstimator
from foundation_stereo_ros.geometry.camera import Camera
from foundation_stereo_ros.nets.stereo import FoundationStereo, NetworkConfig
from foundation_stereo_ros.ros.messages.camera_info import encode_camera_info
from foundation_stereo_ros.ros.messages.cdr import message_types
from foundation_stereo_ros.ros.messages.images import encode_image

TYPES = message_types()
HEIGHT, WIDTH = 40, 60
CAMERA = Camera(WIDTH, HEIGHT, fx=50.0, fy=50.0, cx=29.5, cy=19.5)
WIDE = np.random.default_rng(0).integers(0, 256, (HEIGHT, WIDTH + 6, 3), dtype=np.uint8)
PICTURES = {"left": WIDE[:, :WIDTH], "right": WIDE[:, 6:]}


def header(stamp_ns: int, frame: str = "left_optical") -> Any:
    sec, nanosec = divmod(stamp_ns, 1_000_000_000)
    return TYPES.Header(stamp=TYPES.Time(sec=sec, nanosec=nanosec), frame_id=frame)


def image(side: str, stamp_ns: int, rgb: np.ndarray | None = None) -> Any:
    pixels = PICTURES[side] if rgb is None else rgb
    return encode_image(TYPES, header(stamp_ns, f"{side}_optical"), pixels, "rgb8")


def info(side: str, stamp_ns: int, baseline: float = 0.1, camera: Camera = CAMERA) -> Any:
    tx = -camera.fx * baseline if side == "right" else 0.0
    return encode_camera_info(TYPES, header(stamp_ns, f"{side}_optical"), camera, tx=tx)


@functools.cache
def network() -> FoundationStereo:
    torch.manual_seed(3)
    return FoundationStereo(NetworkConfig.preset("tiny", max_disp=64)).eval()


def estimator(**values: Any) -> StereoEstimator:
    config = PipelineConfig.from_mapping({"device": "cpu", "precision": "fp32", "iterations": 1, **values})
    return StereoEstimator(config, network())
