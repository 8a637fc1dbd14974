# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import importlib.util
import json
import re
from pathlib import Path

import numpy as np
import pytest
import torch

from foundation_stereo_ros.cli.main import main
from foundation_stereo_ros.network import NetworkConfig, load_checkpoint
from foundation_stereo_ros.pipeline.weights import shipped_checkpoint

ABSENT = [name for name in ("onnx", "onnxscript", "onnxruntime") if importlib.util.find_spec(name) is None]


@pytest.mark.skipif(bool(ABSENT), reason=f"not installed: {', '.join(ABSENT)} (extra 'onnx')")
def test_the_shipped_network_runs_elsewhere(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    import onnxruntime

    path = tmp_path / "new" / "tiny.onnx"
    assert main(["export", "--onnx", str(path), "--size", "32x64", "--iterations", "2"]) == 0
    wrote, checked = capsys.readouterr().out.splitlines()
    assert wrote.startswith(f"wrote {path} (")
    assert "left, right: 1 x 3 x 32 x 64 float32" in wrote
    said = re.fullmatch(r"ONNX Runtime differs from PyTorch by (\S+) px at most, \S+ on average", checked)
    assert said is not None
    assert float(said[1]) < 1e-3
    assert [file.name for file in path.parent.iterdir()] == ["tiny.onnx"]

    session = onnxruntime.InferenceSession(path, providers=["CPUExecutionProvider"])
    assert [(x.name, x.shape, x.type) for x in session.get_inputs()] == [
        (name, [1, 3, 32, 64], "tensor(float)") for name in ("left", "right")
    ]
    assert [(x.name, x.shape) for x in session.get_outputs()] == [("disparity", [1, 1, 32, 64])]
    model = load_checkpoint(shipped_checkpoint())
    told = session.get_modelmeta().custom_metadata_map
    assert NetworkConfig.from_dict(json.loads(told["config"])) == model.config
    assert told["iterations"] == "2"
    left, right = 255 * torch.rand(2, 1, 3, 32, 64, generator=torch.Generator().manual_seed(0))
    (found,) = session.run(None, {"left": left.numpy(), "right": right.numpy()})
    with torch.inference_mode():
        np.testing.assert_allclose(found, model(left, right, 2).numpy(), atol=1e-3)


def test_a_file_that_is_there_stays(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = tmp_path / "tiny.onnx"
    path.write_text("mine")
    assert main(["export", "--onnx", str(path)]) == 1
    assert capsys.readouterr().err == f"error: {path} is there already; --force replaces it\n"
    assert path.read_text() == "mine"


def test_a_bad_size_is_one_line(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["export", "--onnx", str(tmp_path / "x.onnx"), "--size", "100x160"]) == 1
    assert capsys.readouterr().err == "error: size is 100 x 160; expected multiples of 32\n"
    assert main(["export", "--onnx", str(tmp_path / "x.onnx"), "--size", "100"]) == 2
