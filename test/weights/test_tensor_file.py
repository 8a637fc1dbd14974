# SPDX-License-Identifier: Apache-2.0
import pytest
import torch
from safetensors.torch import load_file

from foundation_stereo_ros.errors import CheckpointError
from foundation_stereo_ros.weights.tensor_file import write_tensors


def test_tensors_of_any_layout_come_back(tmp_path):
    tensors = {"a": torch.arange(6.0).view(2, 3).t(), "b": torch.tensor(3)}
    write_tensors(tmp_path / "new" / "t.safetensors", tensors, {"who": "test"})
    stored = load_file(tmp_path / "new" / "t.safetensors")
    assert all(torch.equal(stored[name], tensor) for name, tensor in tensors.items())


def test_a_file_that_cannot_be_written_is_named_and_leaves_nothing(tmp_path):
    (tmp_path / "t.safetensors").mkdir()  # a folder is in the way
    with pytest.raises(CheckpointError, match=r"cannot write .*t\.safetensors"):
        write_tensors(tmp_path / "t.safetensors", {"a": torch.zeros(1)}, {})
    assert [entry.name for entry in tmp_path.iterdir()] == ["t.safetensors"]
