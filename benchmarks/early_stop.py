# SPDX-License-Identifier: Apache-2.0
"""What the early stop saves, and what it costs, on a real pair.

``python benchmarks/early_stop.py left.png right.png truth.png --scale 16``: the truth is a grey picture of
disparities times the scale, 0 where unknown. Shipped weights, float32 on the CPU, one thread, processor time.
"""

from __future__ import annotations

import argparse
import time

import cv2
import numpy as np
import torch

from foundation_stereo_ros.estimate.config import PipelineConfig
from foundation_stereo_ros.estimate.heap import keep_freed_memory
from foundation_stereo_ros.estimate.stereo.estimator import StereoEstimator
from foundation_stereo_ros.geometry.camera import Camera, StereoRig


def main() -> None:
    """Measure."""
    parser = argparse.ArgumentParser(description=__doc__)
    for name in ("left", "right", "truth"):
        parser.add_argument(name)
    parser.add_argument("--scale", type=float, default=1.0, help="of the truth")
    parser.add_argument("--iterations", type=int, default=32)
    parser.add_argument("--below", type=float, nargs="+", default=[0.25, 0.1, 0.05], help="pixels")
    parser.add_argument("--repeats", type=int, default=2)
    args = parser.parse_args()
    keep_freed_memory()
    torch.set_num_threads(1)
    left, right = (cv2.imread(path, cv2.IMREAD_COLOR)[..., ::-1] for path in (args.left, args.right))
    truth = cv2.imread(args.truth, cv2.IMREAD_GRAYSCALE).astype(np.float32) / args.scale
    height, width = truth.shape
    camera = Camera(width, height, fx=width, fy=width, cx=width / 2, cy=height / 2)
    stereo = StereoRig(camera, camera, baseline=0.1)
    config = PipelineConfig(checkpoint="tiny", device="cpu", precision="fp32", iterations=args.iterations)
    estimator = StereoEstimator(config)
    estimator.warm_up(width, height)
    for below in (0.0, *args.below):
        estimator.reconfigure(config.replace(early_stop=below))
        seconds = []
        for _ in range(args.repeats):
            begin = time.process_time()
            result = estimator(left, right, stereo)
            seconds.append(time.process_time() - begin)
        error = np.abs(result.disparity - truth)[truth > 0].mean()
        rule = f"below {below:g} px" if below else "no early stop"
        print(f"{rule}: {result.refinements} refinements, EPE {error:.3f} px, {1e3 * min(seconds):.0f} ms")


if __name__ == "__main__":
    main()
