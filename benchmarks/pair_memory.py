# SPDX-License-Identifier: Apache-2.0
"""What a network takes of main memory for one pair, beyond its weights: for estimate/stereo/memory.py.

``python benchmarks/pair_memory.py lean tiny small large``, on Linux. Presets have random weights, each case
one refinement. Printed for each case: the growth of the process's resident memory at its peak, after a first
run on small images; and for each preset and arithmetic a straight line, as steep as between the two largest
sizes and with no case above it.
"""

from __future__ import annotations

import argparse

import numpy as np
import torch

from foundation_stereo_ros.bench.inputs import randomize, stereo_pictures
from foundation_stereo_ros.bench.meters import memory_growth
from foundation_stereo_ros.estimate.config import PipelineConfig
from foundation_stereo_ros.estimate.stereo.torch_backend import TorchBackend
from foundation_stereo_ros.nets.stereo import build_network, for_inference, network_preset

CPU = torch.device("cpu")
SIZES = ((128, 160), (256, 320), (384, 512))
SIZES_OF_SMALL_ONES = ((256, 320), (480, 640), (768, 1024))


def main() -> None:
    """Measure the presets named on the command line."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("presets", nargs="+", choices=("lean", "tiny", "small", "base", "large"))
    parser.add_argument("--precision", nargs="+", default=("fp32", "bf16"), choices=("fp32", "bf16"))
    parser.add_argument("--threads", type=int, default=1)
    args = parser.parse_args()
    torch.set_num_threads(args.threads)
    for preset in args.presets:
        sizes = SIZES_OF_SMALL_ONES if preset in ("lean", "tiny") else SIZES
        for precision in args.precision:
            growth = np.array([measure(preset, precision, size) for size in sizes])
            pixels = np.array([height * width for height, width in sizes])
            slope = (growth[-1] - growth[-2]) / (pixels[-1] - pixels[-2])
            fixed = max(growth - slope * pixels)
            print(f"{preset} {precision}: {fixed / 2**20:.0f} MiB + {slope:.0f} bytes a pixel", flush=True)


def measure(preset: str, precision: str, size: tuple[int, int]) -> int:
    """Return the bytes of one case."""
    torch.manual_seed(0)
    network = build_network(network_preset(preset)).eval()
    randomize(network)
    config = PipelineConfig(device="cpu", precision=precision, iterations=1)
    backend = TorchBackend(for_inference(network), CPU, config)
    backend(*stereo_pictures(64, 64), config)
    pair = stereo_pictures(*size)
    growth = memory_growth(lambda: backend(*pair, config), CPU)["resident_growth"]
    if growth is None:
        raise SystemExit("this system does not tell how much memory was taken")
    print(f"  {preset}, {precision}, {size[0]} x {size[1]}: {growth / 2**20:.0f} MiB", flush=True)
    return growth


if __name__ == "__main__":
    main()
