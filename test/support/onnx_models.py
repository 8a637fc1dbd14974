# SPDX-License-Identifier: Apache-2.0
"""Models in ONNX files whose "disparity" tells how they were called."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

Side = int | str
"""A number, or the name of a side that may have any."""


def write_mean_model(
    path: Path,
    *,
    inputs: Sequence[str] = ("left", "right"),
    first_is_left: bool = True,
    shape: Sequence[Side] = (1, 3, 64, 96),
    output: str = "disparity",
    output_rank: int = 4,
    kind: str = "FLOAT",
    metadata: Mapping[str, str] | None = None,
) -> Path:
    """Write a model that gives mean(left) - mean(right) / 2 over the colours of each pixel.

    Args:
        path: of the file.
        inputs: names of both, in the model's order.
        first_is_left: otherwise the second one is.
        shape: of both.
        output: its name.
        output_rank: 4: B x 1 x H x W; 3: B x H x W.
        kind: type of inputs and output, as ONNX calls it.
        metadata: of the model.
    """
    import onnx
    from onnx import helper

    floats = onnx.TensorProto.FLOAT16 if kind == "FLOAT16" else onnx.TensorProto.FLOAT
    left, right = inputs if first_is_left else reversed(inputs)
    keep = int(output_rank == 4)
    nodes = [
        helper.make_node("Cast", [left], ["l"], to=floats),
        helper.make_node("Cast", [right], ["r"], to=floats),
        helper.make_node("ReduceMean", ["l", "axes"], ["ml"], keepdims=keep),
        helper.make_node("ReduceMean", ["r", "axes"], ["mr"], keepdims=keep),
        helper.make_node("Mul", ["mr", "half"], ["hr"]),
        helper.make_node("Sub", ["ml", "hr"], [output]),
    ]
    image = getattr(onnx.TensorProto, kind)
    batch, _, height, width = shape
    out_shape = [batch, 1, height, width] if keep else [batch, height, width]
    graph = helper.make_graph(
        nodes,
        "means",
        [helper.make_tensor_value_info(name, image, list(shape)) for name in inputs],
        [helper.make_tensor_value_info(output, floats, out_shape)],
        [
            helper.make_tensor("axes", onnx.TensorProto.INT64, [1], [1]),
            helper.make_tensor("half", floats, [], [0.5]),
        ],
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 18)], ir_version=9)
    helper.set_model_props(model, dict(metadata or {}))
    onnx.save(model, path)
    return path
