# SPDX-License-Identifier: Apache-2.0
"""Models whose tensors lie in other files: beside them, or where they have no business."""

from __future__ import annotations

from pathlib import Path

import pytest

from foundation_stereo_ros.errors import CheckpointError
from foundation_stereo_ros.estimate.stereo.onnx_file import check_onnx_file

onnx = pytest.importorskip("onnx")


def outside(tmp_path: Path, location: str, *, nested: bool) -> Path:
    """Write a model with one tensor in another file; nested: it is in a branch, not in the graph itself."""
    from onnx import TensorProto, helper

    tensor = TensorProto(name="t", data_type=TensorProto.FLOAT, dims=[4], data_location=TensorProto.EXTERNAL)
    for key, value in (("offset", "0"), ("location", location)):
        tensor.external_data.add(key=key, value=value)
    constant = helper.make_node("Constant", [], ["t"], value=tensor)
    nodes, tensors = [constant], []
    if nested:
        branch = helper.make_graph([constant], "branch", [], [])
        nodes = [helper.make_node("If", ["c"], ["t"], then_branch=branch, else_branch=branch)]
    else:
        nodes, tensors = [], [tensor]
    path = tmp_path / "model.onnx"
    path.write_bytes(helper.make_model(helper.make_graph(nodes, "g", [], [], tensors)).SerializeToString())
    return path


@pytest.mark.parametrize("nested", [False, True])
@pytest.mark.parametrize("location", ["/etc/passwd", "../secret", "a/b", "..", ""])
def test_other_places_are_refused(tmp_path: Path, location: str, nested: bool) -> None:
    path = outside(tmp_path, location, nested=nested)
    with pytest.raises(CheckpointError, match=f"would read '{location}'; expected files in its own folder"):
        check_onnx_file(path)


@pytest.mark.parametrize("nested", [False, True])
def test_a_file_beside_it_is_fine_if_it_is_one(tmp_path: Path, nested: bool) -> None:
    path = outside(tmp_path, "model.data", nested=nested)
    with pytest.raises(CheckpointError, match=r"cannot read .*model\.data: No such file"):
        check_onnx_file(path)
    (tmp_path / "model.data").write_bytes(bytes(16))
    check_onnx_file(path)


@pytest.mark.parametrize(
    "data", [b"no model", b"\x3a\xff\xff\xff\xff\x0f", b"\xff" * 30, b"\x3a\x02\x2a\x7f"]
)
def test_other_bytes_are_no_model(tmp_path: Path, data: bytes) -> None:
    (tmp_path / "a.onnx").write_bytes(data)
    with pytest.raises(CheckpointError, match=r"a\.onnx is damaged or no ONNX model"):
        check_onnx_file(tmp_path / "a.onnx")
