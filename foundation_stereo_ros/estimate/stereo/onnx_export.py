# SPDX-License-Identifier: Apache-2.0
"""A network as an ONNX file, for other runtimes."""

from __future__ import annotations

import importlib.util
import json
import warnings
from pathlib import Path
from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor, nn

from foundation_stereo_ros import __version__
from foundation_stereo_ros.errors import ConfigError
from foundation_stereo_ros.estimate.stereo.onnx_model import OWN, OnnxSession
from foundation_stereo_ros.io.files import atomic_write
from foundation_stereo_ros.nets.parts.padding import MULTIPLE
from foundation_stereo_ros.nets.stereo import StereoNetwork, for_inference
from foundation_stereo_ros.nets.stereo.kinds import kind_of

OPSET = 18
INPUTS, OUTPUT = ("left", "right"), "disparity"
_EXPORTERS = ("onnx", "onnxscript")


class Difference(NamedTuple):
    """Of two disparities, pixels."""

    largest: float
    mean: float


def write_onnx(path: Path, model: StereoNetwork, size: tuple[int, int], iterations: int) -> None:
    """Write a network for images of one size.

    Its inputs, ``left`` and ``right``, are 1 x 3 x H x W float32, RGB, 0 to 255, rectified; its output,
    ``disparity``, is 1 x 1 x H x W float32, pixels, left column minus right column. Its metadata hold the
    network's configuration.

    Args:
        path: of the file.
        model: float32, on the CPU; made ready for inference, in place.
        size: height and width, multiples of 32.
        iterations: refinements, unrolled.

    Raises:
        ConfigError: a side is no multiple of 32, a package is missing, or PyTorch cannot export this.
        FileFormatError: the file cannot be written.
    """
    for side in size:
        if side % MULTIPLE:
            raise ConfigError(f"size is {size[0]} x {size[1]}; expected multiples of {MULTIPLE}")
    missing = [name for name in _EXPORTERS if importlib.util.find_spec(name) is None]
    if missing:
        raise ConfigError(
            f"cannot export without {' and '.join(missing)}; expected the extra 'onnx' of this package"
        )
    content = _exported(_Unrolled(for_inference(model), iterations), size)
    with atomic_write(path) as stream:
        stream.write(content)


class _Unrolled(nn.Module):
    def __init__(self, model: StereoNetwork, iterations: int) -> None:
        super().__init__()
        self.model, self.iterations = model, iterations

    def forward(self, left: Tensor, right: Tensor) -> Tensor:
        disparity: Tensor = self.model(left, right, self.iterations)
        return disparity


def _exported(network: _Unrolled, size: tuple[int, int]) -> bytes:
    images = (torch.zeros(1, 3, *size), torch.zeros(1, 3, *size))
    try:
        with warnings.catch_warnings(), torch.inference_mode():
            warnings.simplefilter("ignore")  # of the exporter about itself
            program = torch.onnx.export(
                network.eval(),
                images,
                input_names=INPUTS,
                output_names=(OUTPUT,),
                opset_version=OPSET,
                dynamo=True,
                verbose=False,
            )
    except torch.onnx.errors.OnnxExporterError as error:
        raise ConfigError(
            f"PyTorch cannot export this network: {str(error).strip().splitlines()[0]}"
        ) from None
    if program is None:
        raise ConfigError(f"PyTorch {torch.__version__} exports no such file; expected a newer one")
    program.model.metadata_props.update(
        {
            OWN: __version__,
            "kind": kind_of(network.model.config),
            "config": json.dumps(network.model.config.to_dict()),
            "iterations": str(network.iterations),
        }
    )
    content: bytes = program.model_proto.SerializeToString()
    return content


def runtime_difference(path: Path, model: StereoNetwork, left: Tensor, right: Tensor) -> Difference | None:
    """Run a written network in ONNX Runtime on the CPU, and compare it with PyTorch.

    Args:
        path: of the file.
        model: that was written.
        left, right: 1 x 3 x H x W, of the file's size.

    Returns:
        None where ONNX Runtime is not installed.
    """
    if importlib.util.find_spec("onnxruntime") is None:
        return None
    session = OnnxSession(path, "cpu")
    found = session.run(OUTPUT, dict(zip(INPUTS, (left.numpy(), right.numpy()), strict=True)))
    iterations = int(session.facts.metadata["iterations"])
    with torch.inference_mode():
        apart = np.abs(found - model(left, right, iterations).numpy())
    return Difference(float(apart.max()), float(apart.mean()))
