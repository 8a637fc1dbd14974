# SPDX-License-Identifier: Apache-2.0
"""How many stereo pairs a second the scene generators make, and what each ingredient of ray-cast ones costs.

Run: ``python benchmarks/scenes.py [--device cuda] [--batch 16] [--height 256 --width 448] [--occlusion]``;
with ``--ingredients``, the same pairs are rendered without and with each ingredient in turn; with
``--layered``, pairs are painted from layers instead. On a CPU all figures are for one core: time that the
process had, not time that passed.
"""

from __future__ import annotations

import argparse
import dataclasses
import time

import cv2
import numpy as np
import torch

from foundation_stereo_ros.scenes.layered.painter import LayeredScenes
from foundation_stereo_ros.scenes.raycast.config import COMPOSITIONS, SceneConfig
from foundation_stereo_ros.scenes.raycast.generator import Plan, SceneGenerator, plan


def main() -> None:
    """Measure planning (CPU, one process) and rendering (on the device) apart, and print both."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--device", default="cuda" if torch.cuda.is_available() else "cpu")
    parser.add_argument("--batch", type=int, default=4)
    parser.add_argument("--height", type=int, default=256)
    parser.add_argument("--width", type=int, default=448)
    parser.add_argument("--batches", type=int, default=8)
    parser.add_argument("--occlusion", action="store_true", help="find occluded pixels, too")
    parser.add_argument("--ingredients", action="store_true", help="measure each ingredient and composition")
    parser.add_argument("--layered", action="store_true", help="paint pairs from layers, one by one")
    args = parser.parse_args()
    if args.layered:
        _print_painting(args)
        return
    if args.device == "cpu":
        torch.set_num_threads(1)
    config = SceneConfig()
    planning, rendering = measure(config, args)
    size = f"{args.width} x {args.height} on {args.device}"
    print(f"planning:  {1 / planning:8.1f} pairs/s")
    print(f"rendering: {1 / rendering:8.2f} pairs/s of {size}, {1000 * rendering:.1f} ms a pair")
    if args.ingredients:
        _print_ingredients(config, args)


def _print_painting(args: argparse.Namespace) -> None:
    cv2.setNumThreads(1)
    scenes = LayeredScenes()
    scenes.pair(0, args.height, args.width)  # the textures are made once
    milliseconds = []
    for seed in range(args.batch * args.batches):
        begin = time.process_time()
        scenes.pair(seed, args.height, args.width)
        milliseconds.append(1000 * (time.process_time() - begin))
    low, middle, high = np.percentile(milliseconds, (5, 50, 95))
    print(
        f"painting: {np.mean(milliseconds):.1f} ms a pair of {args.width} x {args.height} on one core "
        f"({low:.0f}, {middle:.0f} and {high:.0f} at 5, 50 and 95 %)"
    )


def _print_ingredients(config: SceneConfig, args: argparse.Namespace) -> None:
    bare = config.without()
    basis = measure(bare, args)[1]
    print(f"{'without any':>22}: {1000 * basis:8.1f} ms a pair")
    for field in dataclasses.fields(config):
        if field.name.endswith("_chance"):
            cost = measure(dataclasses.replace(bare, **{field.name: 1.0}), args)[1] - basis
            average = cost * getattr(config, field.name)
            costs = f"{1000 * cost:+8.1f} ms a pair that has it, {1000 * average:+.1f} on average"
            print(f"{field.name:>22}: {costs}")
    for name in COMPOSITIONS:
        shares = {each: float(each == name) for each in COMPOSITIONS}
        print(f"{name:>22}: {1000 * measure(dataclasses.replace(config, **shares), args)[1]:8.1f} ms a pair")


def measure(config: SceneConfig, args: argparse.Namespace) -> tuple[float, float]:
    """Return the seconds a pair takes to plan and to render."""
    generator = SceneGenerator(config, args.device)
    pairs = args.batch * args.batches
    begin = _now(generator.device)
    plans: list[Plan] = [
        plan(config, range(index * args.batch, (index + 1) * args.batch), args.height, args.width)
        for index in range(args.batches)
    ]
    planned = _now(generator.device)
    for scenes in plans[:1] if args.device == "cpu" else plans[:2]:  # compile and allocate
        generator.render(scenes, args.occlusion)
    warm = _now(generator.device)
    for scenes in plans:
        generator.render(scenes, args.occlusion)
    return (planned - begin) / pairs, (_now(generator.device) - warm) / pairs


def _now(device: torch.device) -> float:
    if device.type == "cuda":
        torch.cuda.synchronize(device)
        return time.perf_counter()
    return time.process_time()


if __name__ == "__main__":
    main()
