# SPDX-License-Identifier: Apache-2.0
import pytest
import torch

from foundation_stereo_ros.cli.main import main
from foundation_stereo_ros.nets.stereo import FoundationStereo, NetworkConfig
from foundation_stereo_ros.weights import load_checkpoint, save_checkpoint


@pytest.fixture
def file(tmp_path):
    torch.manual_seed(0)
    save_checkpoint(
        tmp_path / "a.safetensors", FoundationStereo(NetworkConfig.preset("tiny")), {"steps": "12"}
    )
    return tmp_path / "a.safetensors"


def test_info_prints_what_the_file_holds(file, capsys):
    assert main(["weights", "info", str(file)]) == 0
    out = capsys.readouterr().out
    for words in ("edgenext_xx_small", "128 px", "over disparity", "steps        12", "float32"):
        assert words in out


def test_info_without_a_file_describes_the_shipped_weights(capsys):
    assert main(["weights", "info"]) == 0
    assert "lean.safetensors" in capsys.readouterr().out
    assert main(["weights", "info", "tiny"]) == 0
    assert "edgenext_xx_small" in capsys.readouterr().out


def test_convert_writes_a_file_that_loads(file, tmp_path, capsys):
    assert main(["weights", "convert", str(file), str(tmp_path / "b.safetensors")]) == 0
    before, after = (
        load_checkpoint(file).state_dict(),
        load_checkpoint(tmp_path / "b.safetensors").state_dict(),
    )
    assert all(torch.equal(before[name], after[name]) for name in before)
    assert main(["weights", "convert", str(file), str(tmp_path / "b.safetensors")]) == 1
    assert "exists already" in capsys.readouterr().err


def test_a_bad_file_is_one_line(tmp_path, capsys):
    (tmp_path / "w.pth").write_bytes(b"nothing")
    assert main(["weights", "info", str(tmp_path / "w.pth")]) == 1
    error = capsys.readouterr().err
    assert error.startswith("error: ")
    assert error.count("\n") == 1
