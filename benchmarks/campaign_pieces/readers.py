# SPDX-License-Identifier: Apache-2.0
"""The package's own readers, as its commands call them, for each kind of file."""

from __future__ import annotations

import importlib
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

import numpy as np

from foundation_stereo_ros.cli.main import main as command
from foundation_stereo_ros.datasets.calibration_files import read_calib_txt, read_kitti_calibration
from foundation_stereo_ros.datasets.disparity_files import read_array_disparity, read_pfm_disparity
from foundation_stereo_ros.datasets.posed_layouts import open_posed_video
from foundation_stereo_ros.errors import BagError, FoundationStereoError, ImageError
from foundation_stereo_ros.estimate.stereo.onnx_model import OnnxSession, read_signature
from foundation_stereo_ros.estimate.stereo.rectification import StereoRectification
from foundation_stereo_ros.geometry.poses import check_pose, is_known
from foundation_stereo_ros.io.pictures import read_pair, read_pixels
from foundation_stereo_ros.nets.parts.timm_import import import_timm
from foundation_stereo_ros.rigs import rig_from_file
from foundation_stereo_ros.ros.bags.reader import Recording
from foundation_stereo_ros.ros.bags.storage import decode
from foundation_stereo_ros.ros.live.parameters import STEREO, read_parameters
from foundation_stereo_ros.ros.messages.camera_info import decode_camera_info
from foundation_stereo_ros.ros.messages.cdr import message_types
from foundation_stereo_ros.ros.messages.images import decode_image
from foundation_stereo_ros.ros.messages.stereo_topics import find_stereo
from foundation_stereo_ros.train.config import TrainingConfig, build, read_settings
from foundation_stereo_ros.train.curation.keep_list import read_keep_list
from foundation_stereo_ros.train.run_files import compact_state, read_about
from foundation_stereo_ros.weights import load_checkpoint
from foundation_stereo_ros.weights.checkpoint import read_checkpoint


def read(kind: str, path: Path, seed: Path | None) -> None:
    """Read a file as the package does.

    Args:
        kind: of the corpus.
        path: of the damaged file.
        seed: the good file that it was.
    """
    _READERS[kind](path, seed)


def read_by_command(path: Path, result: Path) -> str:
    """Process a recording with the ``bag`` command; returns what is wrong with the result.

    Raises:
        BagError: the command did not succeed.
    """
    status = command(["bag", str(path), "-o", str(result), "--max-frames", "1"])
    if result.exists() and not _is_readable(result):
        return "the result cannot be read to its end"
    if status:
        raise BagError(f"exit status {status}")
    return ""


def _image(path: Path, seed: Path | None) -> None:
    if path.is_file():
        data = np.frombuffer(path.read_bytes(), np.uint8)
        message = type("Compressed", (), {"format": "jpeg", "data": data, "header": None})()
        with suppress(ImageError):
            decode_image(message)
    read_pair(path, seed) if seed else read_pixels(path)


def _array(path: Path, _: Path | None) -> None:
    (read_pfm_disparity if path.suffix == ".pfm" else read_array_disparity)(path)


def _yaml(path: Path, seed: Path | None) -> None:
    name = (seed or path).stem
    if name == "stereo":
        STEREO.judge(read_parameters(path, "/stereo/stereo_node"))
    elif name.startswith("train"):
        build(TrainingConfig, read_settings(path))
    else:
        rig_from_file(path, size=(64, 48))


def _list(path: Path, seed: Path | None) -> None:
    name = (seed or path).name
    if name == "calib.txt":
        read_calib_txt(path)
    elif name == "kitti.txt":
        read_kitti_calibration(path, "P0", "P1")
    elif name == "keep.jsonl":
        read_keep_list(path)
    else:
        rig_from_file(path, size=(64, 48))


def _calibration(path: Path, _: Path | None) -> None:
    size = (672, 376)
    StereoRectification.from_files(sorted(path.parent.iterdir()), size=size)


def _posed(path: Path, _: Path | None) -> None:
    video = open_posed_video(path.parent)
    for frame in video.frames:
        image = video.image(frame)
        if video.intrinsics:
            video.camera(image)
        video.depth(frame)
        if is_known(frame.pose):
            check_pose(frame.pose)


def _safetensors(path: Path, seed: Path | None) -> None:
    if seed and seed.name == "state.safetensors":
        read_about(path)
        compact_state(path, path.with_name("compact.safetensors"))
    else:
        load_checkpoint(path)


def _pth(path: Path, _: Path | None) -> None:
    read_checkpoint(path)


def _onnx(path: Path, _: Path | None) -> None:
    session = OnnxSession(path, "cpu")
    signature = read_signature(session.facts)
    image = np.zeros((1, 3, signature.sides.height or 48, signature.sides.width or 64), signature.type)
    session.run(signature.output, {signature.left: image, signature.right: image})


def _bag(path: Path, _: Path | None) -> None:
    """Read all, and do with pairs what a job does with them."""
    with Recording(path) as recording:
        error: FoundationStereoError | None = None
        with suppress(BagError):
            find_stereo(recording.topics)
        for message in recording.messages():
            try:
                decoded = decode(message)
                if hasattr(decoded, "distortion_model"):
                    decode_camera_info(decoded)
                elif hasattr(decoded, "data"):
                    decode_image(decoded)
            except FoundationStereoError as caught:
                error = caught
        if error or recording.damage:
            raise error or BagError(recording.damage)


def _is_readable(path: Path) -> bool:
    with Recording(path) as recording:
        return all(decode(message) for message in recording.messages()) and not recording.damage


_READERS: dict[str, Callable[[Path, Path | None], None]] = {
    "images": _image,
    "pfm, npy, npz": _array,
    "yaml": _yaml,
    "text lists": _list,
    "calibrations": _calibration,
    "posed videos": _posed,
    "safetensors": _safetensors,
    "pth": _pth,
    "onnx": _onnx,
    "mcap": _bag,
    "db3": _bag,
    "ros1 bag": _bag,
}

# Made and loaded once, not in each child.
message_types()
import_timm()
for _module in (
    "onnxruntime",
    "foundation_stereo_ros.cli.bag",
    "foundation_stereo_ros.estimate.stereo.estimator",
):
    importlib.import_module(_module)
