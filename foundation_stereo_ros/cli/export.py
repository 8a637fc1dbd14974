# SPDX-License-Identifier: Apache-2.0
"""``foundation_stereo export``: a network as an ONNX file, checked in ONNX Runtime."""

from __future__ import annotations

import argparse
from pathlib import Path

from foundation_stereo_ros.cli.options import count, image_size, output
from foundation_stereo_ros.errors import counted
from foundation_stereo_ros.io.outputs import check_free, reserved


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the flags; loads no torch."""
    add = parser.add_argument
    add("--onnx", type=output, metavar="FILE", required=True, help="file to write")
    add(
        "--checkpoint",
        type=Path,
        metavar="FILE",
        help="weights file, or the name of weights that ship with the package (default: lean)",
    )
    add(
        "--size",
        type=image_size,
        metavar="HxW",
        default=(480, 640),
        help="rows x columns of the images, multiples of 32 (default: 480x640)",
    )
    add(
        "--iterations",
        type=count,
        metavar="N",
        help="refinements (default: as many as the weights were made for)",
    )
    add("--force", action="store_true", help="replace the file if it exists")


def run(args: argparse.Namespace) -> int:
    """Export; prints what was written, and how far ONNX Runtime is from PyTorch."""
    with reserved(args.onnx):
        check_free([args.onnx], args.force)
        return _export(args)


def _export(args: argparse.Namespace) -> int:
    import torch

    from foundation_stereo_ros.bench.inputs import stereo_pictures
    from foundation_stereo_ros.estimate.stereo.onnx_export import runtime_difference, write_onnx
    from foundation_stereo_ros.weights import load_checkpoint
    from foundation_stereo_ros.weights.shipped import find_checkpoint

    model = load_checkpoint(find_checkpoint(args.checkpoint or ""))
    iterations = model.config.refinements(args.iterations or 0)
    height, width = args.size
    write_onnx(args.onnx, model, args.size, iterations)
    shape = f"{height} x {width} float32"
    made = counted(iterations, "refinement")
    print(
        f"wrote {args.onnx} ({args.onnx.stat().st_size / 1e6:.1f} MB), {made}; "
        f"left, right: 1 x 3 x {shape}, RGB, 0 to 255; disparity: 1 x 1 x {shape}, pixels"
    )
    pictures = (torch.from_numpy(view).permute(2, 0, 1)[None].float() for view in stereo_pictures(*args.size))
    apart = runtime_difference(args.onnx, model, *pictures)
    if apart is None:
        print("not checked: onnxruntime is not installed")
    else:
        largest, mean = apart
        print(f"ONNX Runtime differs from PyTorch by {largest:.1e} px at most, {mean:.1e} on average")
    return 0
