# SPDX-License-Identifier: Apache-2.0
"""Whatever reads a file refuses what is none, before it waits for it, and calls it what it is."""

from __future__ import annotations

import os
import re
import socket
from pathlib import Path

import pytest

from foundation_stereo_ros.datasets.disparity_files import read_array_disparity, read_pfm_disparity
from foundation_stereo_ros.errors import FoundationStereoError
from foundation_stereo_ros.estimate.stereo.onnx_file import check_onnx_file
from foundation_stereo_ros.io.calibration import CalibrationText, read_camera_info
from foundation_stereo_ros.io.pictures import read_pixels
from foundation_stereo_ros.ros.bags.reader import Recording
from foundation_stereo_ros.weights.checkpoint import read_checkpoint


def _device(path: Path) -> None:
    path.symlink_to("/dev/zero")


def _socket(path: Path) -> None:
    with socket.socket(socket.AF_UNIX) as door:
        door.bind(os.path.relpath(path))


NO_FILES = {
    "a named pipe; expected a file": os.mkfifo,
    "a device; expected a file": _device,
    "a socket; expected a file": _socket,
    "a folder; expected a file": Path.mkdir,
    "empty": Path.touch,
    "a pointer of Git LFS": lambda p: p.write_text(
        "version https://git-lfs.github.com/spec/v1\noid sha256:0\n"
    ),
    "a web page": lambda p: p.write_text("\n<!DOCTYPE html>\n<html>Sign in</html>"),
}
READERS = {
    ".png": read_pixels,
    ".npy": read_array_disparity,
    ".pfm": read_pfm_disparity,
    ".yaml": read_camera_info,
    ".txt": CalibrationText,
    ".onnx": check_onnx_file,
    ".safetensors": read_checkpoint,
    ".pth": read_checkpoint,
    ".mcap": Recording,
    ".db3": Recording,
    ".bag": Recording,
    ".mcap.zstd": Recording,
}


@pytest.mark.parametrize("suffix", READERS)
@pytest.mark.parametrize("words", NO_FILES)
def test_what_is_no_file_is_called_what_it_is(tmp_path: Path, suffix: str, words: str) -> None:
    if "folder" in words and suffix in (".pth", ".safetensors", ".mcap", ".db3", ".bag", ".mcap.zstd"):
        pytest.skip("a folder of weights, or of a recording, is one")
    path = tmp_path / f"file{suffix}"
    NO_FILES[words](path)
    with pytest.raises(FoundationStereoError, match=re.escape(f"{path} is {words}")):
        READERS[suffix](path)
