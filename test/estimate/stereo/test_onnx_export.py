# SPDX-License-Identifier: Apache-2.0
"""What is refused; the file itself is tested through the command, since writing one takes long."""

from __future__ import annotations

from pathlib import Path

import pytest

from foundation_stereo_ros.errors import ConfigError
from foundation_stereo_ros.estimate.stereo import onnx_export as onnx_network
from foundation_stereo_ros.estimate.stereo.onnx_export import write_onnx
from foundation_stereo_ros.nets.stereo import FoundationStereo, NetworkConfig


@pytest.fixture(scope="module")
def tiny() -> FoundationStereo:
    return FoundationStereo(NetworkConfig.preset("tiny", max_disp=64)).eval()


def test_a_size_that_the_network_does_not_take(tiny: FoundationStereo, tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="size is 60 x 96; expected multiples of 32"):
        write_onnx(tmp_path / "tiny.onnx", tiny, (60, 96), 1)


def test_what_is_missing_is_named(
    tiny: FoundationStereo, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(onnx_network, "_EXPORTERS", ("torch", "no_such_package"))
    with pytest.raises(ConfigError, match="without no_such_package; expected the extra 'onnx'"):
        write_onnx(tmp_path / "tiny.onnx", tiny, (32, 32), 1)
    assert list(tmp_path.iterdir()) == []
