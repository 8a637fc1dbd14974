# SPDX-License-Identifier: Apache-2.0
"""Time of a pair of views: encoding, decoding in both orders, and the search for matches.

``python benchmarks/view_pair.py --threads 1``. The network has the published sizes and random weights, which
do not change the time. Processor time and time.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Callable
from typing import TypeVar

import numpy as np
import torch

from foundation_stereo_ros.estimate.device import torch_device
from foundation_stereo_ros.estimate.views.matching import match_views
from foundation_stereo_ros.estimate.views.network import ViewNetwork, decodings
from foundation_stereo_ros.nets.views import Mast3r

Result = TypeVar("Result")


def main() -> None:
    """Measure."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--height", type=int, default=384)
    parser.add_argument("--width", type=int, default=512)
    parser.add_argument("--step", type=int, default=8)
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--device", default="cpu")
    parser.add_argument("--precision", default="auto")
    args = parser.parse_args()
    torch.set_num_threads(args.threads)
    with torch.device("meta"):
        model = Mast3r()
    model.to_empty(device="cpu")
    with torch.no_grad():
        for name, weights in model.named_parameters():
            weights.uniform_(-1, 1).mul_(weights[0].numel() ** -0.5 if weights.ndim > 1 else 1e-2)
            if "norm" in name and name.endswith("weight"):
                weights.add_(1)
    network = ViewNetwork(model, torch_device(args.device), args.precision)
    rng = np.random.default_rng(0)
    images = [rng.integers(0, 256, (args.height, args.width, 3), dtype=np.uint8) for _ in range(2)]
    first = timed("encode a view", lambda: network.encode(images[0]))
    second = network.encode(images[1])
    (prediction,) = timed("decode a pair", lambda: network.decode([(first, second)]))
    found = timed("match a pair", lambda: match_views(decodings(prediction), args.step))
    print(f"{len(found)} matches, {network.device}, {network.dtype}")


def timed(what: str, work: Callable[[], Result]) -> Result:
    """Do something and print how long it takes."""
    processor, wall = time.process_time(), time.perf_counter()
    result = work()
    if torch.cuda.is_available():
        torch.cuda.synchronize()
    took = time.process_time() - processor, time.perf_counter() - wall
    print(f"{what:<14} processor {took[0]:6.2f} s, time {took[1]:6.2f} s", flush=True)
    return result


if __name__ == "__main__":
    main()
