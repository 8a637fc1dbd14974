# SPDX-License-Identifier: Apache-2.0
"""Reciprocal search between two views beside the plain method, on generated descriptors.

``python benchmarks/view_matching.py --threads 1``. The plain method asks for every start's neighbour anew and
compares blocks of 8192 x 8192 descriptors. Maps are random, or smooth with noise and shifted. Both are
run once, and must find the same matches. Processor time and time.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Callable

import torch
import torch.nn.functional as F
from torch import Tensor

from foundation_stereo_ros.estimate.views.matching import DescriptorMap, ReciprocalSearch

BLOCK = 8192


def main() -> None:
    """Measure."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--height", type=int, default=384)
    parser.add_argument("--width", type=int, default=512)
    parser.add_argument("--step", type=int, default=8)
    parser.add_argument("--threads", type=int, default=2)
    args = parser.parse_args()
    torch.set_num_threads(args.threads)
    for kind in ("smooth", "random"):
        one, two = maps(kind, args.height, args.width)
        found = timed(f"{kind}, ours", lambda one=one, two=two: ours(one, two, args.step))
        expected = timed(f"{kind}, plain", lambda one=one, two=two: plain(one, two, args.step))
        print(f"{len(found)} matches, {'the same' if torch.equal(found, expected) else 'NOT THE SAME'}")


def maps(kind: str, height: int, width: int) -> tuple[Tensor, Tensor]:
    """Return two maps of 24 numbers a pixel."""
    generator = torch.Generator().manual_seed(0)
    one, two = (torch.randn(height, width, 24, generator=generator) for _ in range(2))
    if kind == "smooth":
        coarse = torch.randn(1, 24, height // 8, width // 8, generator=generator)
        base = F.normalize(F.interpolate(coarse, (height, width), mode="bicubic")[0].permute(1, 2, 0), dim=-1)
        one, two = base + 0.02 * one, base.roll((5, 17), (0, 1)) + 0.02 * two
    return F.normalize(one, dim=-1), F.normalize(two, dim=-1)


def timed(what: str, work: Callable[[], Tensor]) -> Tensor:
    """Do something and print how long it takes."""
    processor, wall = time.process_time(), time.perf_counter()
    result = work()
    took = time.process_time() - processor, time.perf_counter() - wall
    print(f"{what:<14} processor {took[0]:6.2f} s, time {took[1]:6.2f} s")
    return result


def ours(one: Tensor, two: Tensor, step: int) -> Tensor:
    """Search as the package does."""
    return ReciprocalSearch(DescriptorMap(one), DescriptorMap(two)).matches(step)


def plain(one: Tensor, two: Tensor, step: int) -> Tensor:
    """Search with every query anew."""
    x = DescriptorMap(one).grid(step)
    y, a, b = torch.full_like(x, -1), one.flatten(0, 1), two.flatten(0, 1)
    found = [torch.zeros((0, 2), dtype=torch.long)]
    for _ in range(10):
        there = nearest(a[x], b)
        stays = there == y
        found.append(torch.stack((x, y), 1)[stays])
        x, y = x[~stays], there[~stays]
        back = nearest(b[y], a)
        stays = back == x
        found.append(torch.stack((x, y), 1)[stays])
        x, y = back[~stays], y[~stays]
    return torch.cat(found).unique(dim=0)


def nearest(queries: Tensor, others: Tensor) -> Tensor:
    """Return the most similar of the others for each query, block by block."""
    best = torch.full((len(queries),), -torch.inf)
    place = torch.zeros(len(queries), dtype=torch.long)
    for start, block in zip(range(0, len(others), BLOCK), others.split(BLOCK), strict=True):
        greatest, where = (queries @ block.T).max(1)
        better = greatest > best
        best[better], place[better] = greatest[better], where[better] + start
    return place


if __name__ == "__main__":
    main()
