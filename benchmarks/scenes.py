# SPDX-License-Identifier: Apache-2.0
"""How many stereo pairs a second the scene generator renders.

Run: ``python benchmarks/scenes.py [--device cuda] [--batch 16] [--height 256 --width 448] [--occlusion]``.
"""

from __future__ import annotations

import argparse
import time

import torch

from foundation_stereo_ros.training.generator import SceneGenerator, plan


def main() -> None:
    """Measure planning (CPU, one process) and rendering (on the device) apart, and print both."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--device", default="cuda" if torch.cuda.is_available() else "cpu")
    parser.add_argument("--batch", type=int, default=4)
    parser.add_argument("--height", type=int, default=256)
    parser.add_argument("--width", type=int, default=448)
    parser.add_argument("--batches", type=int, default=8)
    parser.add_argument("--occlusion", action="store_true", help="find occluded pixels, too")
    args = parser.parse_args()
    generator = SceneGenerator(device=args.device)
    pairs = args.batch * args.batches
    begin = time.perf_counter()
    plans = [
        plan(generator.config, range(index * args.batch, (index + 1) * args.batch), args.height, args.width)
        for index in range(args.batches)
    ]
    print(f"planning:  {pairs / (time.perf_counter() - begin):8.1f} pairs/s")
    for _ in range(2):  # compile and allocate
        generator.render(plans[0], args.occlusion)
    _wait(generator.device)
    begin = time.perf_counter()
    for scenes in plans:
        generator.render(scenes, args.occlusion)
    _wait(generator.device)
    speed = pairs / (time.perf_counter() - begin)
    print(f"rendering: {speed:8.1f} pairs/s of {args.width} x {args.height} on {args.device}")


def _wait(device: torch.device) -> None:
    if device.type == "cuda":
        torch.cuda.synchronize(device)


if __name__ == "__main__":
    main()
