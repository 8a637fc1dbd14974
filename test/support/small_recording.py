# SPDX-License-Identifier: Apache-2.0
"""A recording of one second, made of one scene again and again."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from foundation_stereo_ros.geometry.camera import Camera, StereoRig
from foundation_stereo_ros.ros.bags.writer import BagWriter, StereoRecorder

BEGIN_S = 2_000_000_000
STAMPS = [BEGIN_S * 10**9 + number * 200_000_000 for number in range(5)]


def make_recording(path: Path, scene: Path) -> None:
    """Write it, with the stamps `STAMPS` under the namespace /stereo."""
    with np.load(scene) as file, BagWriter(path) as writer:
        height, width, _ = file["left"].shape
        camera = Camera(width, height, *(float(file[name]) for name in ("focal", "focal", "cx", "cy")))
        recorder = StereoRecorder(writer, StereoRig(camera, camera, float(file["baseline"])))
        for stamp in STAMPS:
            recorder.add(file["left"], file["right"], stamp)
        writer.close()
