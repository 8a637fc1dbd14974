# SPDX-License-Identifier: Apache-2.0
"""Errors of weights, and of OpenCV's StereoSGBM, on pairs that nothing was trained on.

    python benchmarks/accuracy.py lean tiny sgbm runs/long/weights.safetensors --pairs runs/pairs

A Markdown table: on 24 painted and 24 ray-cast pairs of 384 x 192 pixels, and on each real pair of
``--pairs`` (a ``folder`` dataset), the mean error in pixels, the per cent of pixels off by more than 1 and 2,
and of those within 3 of a depth edge, and of those seen by both cameras, off by more than 2. Every pixel with
known truth counts; the holes of StereoSGBM are filled as ``foundation_stereo evaluate --baseline sgbm`` does.
"""

from __future__ import annotations

import argparse
import math
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import cv2
import numpy as np
import torch
from torch import Tensor

from foundation_stereo_ros.evaluate.methods import sgbm
from foundation_stereo_ros.nets.stereo import for_inference
from foundation_stereo_ros.scenes.raycast.generator import SceneGenerator
from foundation_stereo_ros.train.config import TrainingConfig
from foundation_stereo_ros.train.data_config import LAYERED, SCENES
from foundation_stereo_ros.train.optimisation import Precision
from foundation_stereo_ros.train.validation import Validation
from foundation_stereo_ros.weights import load_checkpoint
from foundation_stereo_ros.weights.shipped import find_checkpoint

_EVALUATED = {"height": 192, "width": 384, "batch": 2, "validation_pairs": 24}
_REACH = 128.0
"""Pixels of disparity, from which on truth does not count: what today's and earlier weights reach."""

_COLUMNS = ("epe", "bp1", "bp2", "edge_bp2", "noc_bp2")


class Sgbm:
    """StereoSGBM with the interface of a network."""

    config = SimpleNamespace(iterations=1)

    def __call__(self, left: Tensor, right: Tensor, iterations: int) -> Tensor:
        """Estimate B x 1 x H x W disparities."""
        views = (x.permute(0, 2, 3, 1).byte().numpy() for x in (left, right))
        found = [sgbm(*pair, int(_REACH)) for pair in zip(*views, strict=True)]
        return torch.from_numpy(np.stack(found))[:, None]


def measure(network: Any, pairs: Path | None) -> dict[str, float]:
    """Return the errors by name: painted/, held_back/ (ray-cast) and real/."""
    device = torch.device("cpu")
    real = {"validate_on": {"dataset": "folder", "root": str(pairs)}} if pairs else {}
    both = {"data": [{"dataset": LAYERED}, {"dataset": SCENES}]}
    config = TrainingConfig.from_dict({**_EVALUATED, **both, **real})
    return Validation(config, SceneGenerator(None, device, _REACH), Precision("fp32", device))(network)


def rows(name: str, errors: dict[str, float]) -> list[str]:
    """Return a Markdown row for each set of pairs."""
    sets = [key.removesuffix("/bp2") for key in errors if key.endswith("/bp2")]
    return [
        f"| {part} | {name} | " + " | ".join(_figure(errors, part, column) for column in _COLUMNS) + " |"
        for part in sets
    ]


def _figure(errors: dict[str, float], part: str, column: str) -> str:
    value = errors.get(f"{part}/{column}", math.nan)
    return "" if math.isnan(value) else f"{value:.2f} px" if column == "epe" else f"{value:.1f} %"


if __name__ == "__main__":
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument(
        "methods", nargs="+", metavar="WEIGHTS", help="file, name of shipped weights, or sgbm"
    )
    parser.add_argument("--pairs", type=Path)
    parser.add_argument("--max-disp", type=int, help="of the networks, pixels")
    arguments = parser.parse_args()
    torch.set_num_threads(1)
    cv2.setNumThreads(1)
    print(
        "| pairs | method | EPE | BP-1 | BP-2 | BP-2 at edges | BP-2 seen by both |",
        "|---|---|---|---|---|---|---|",
        sep="\n",
    )
    change = {"max_disp": arguments.max_disp} if arguments.max_disp else {}
    for method in arguments.methods:
        network = (
            Sgbm() if method == "sgbm" else for_inference(load_checkpoint(find_checkpoint(method), **change))
        )
        print("\n".join(rows(method, measure(network, arguments.pairs))), flush=True)
