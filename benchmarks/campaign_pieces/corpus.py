# SPDX-License-Identifier: Apache-2.0
"""Good files of every kind that the package reads, small, so that most of their bytes matter."""

from __future__ import annotations

import json
import shutil
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import torch
import yaml
from mcap.writer import CompressionType, IndexType
from mcap.writer import Writer as McapWriter
from rosbags.rosbag1 import Writer as Ros1Writer
from rosbags.rosbag2 import CompressionFormat, CompressionMode, StoragePlugin
from rosbags.rosbag2 import Writer as Ros2Writer
from rosbags.typesys import Stores, get_typestore

ROOT = Path(__file__).parents[2]
WIDTH, HEIGHT, FRAMES = 64, 48, 3
_SECOND = 10**9
_START = 1_700_000_000 * _SECOND
_STORES = {False: get_typestore(Stores.ROS2_HUMBLE), True: get_typestore(Stores.ROS1_NOETIC)}
_IMAGE, _INFO = "sensor_msgs/msg/Image", "sensor_msgs/msg/CameraInfo"
_COMPRESSED = "sensor_msgs/msg/CompressedImage"

_CALIBRATION = """\
image_width: 64
image_height: 48
camera_name: right
camera_matrix: {rows: 3, cols: 3, data: [80.0, 0, 32, 0, 80.0, 24, 0, 0, 1]}
distortion_model: plumb_bob
distortion_coefficients: {rows: 1, cols: 5, data: [0.0, 0.0, 0.0, 0.0, 0.0]}
rectification_matrix: {rows: 3, cols: 3, data: [1.0, 0, 0, 0, 1, 0, 0, 0, 1]}
projection_matrix: {rows: 3, cols: 4, data: [80.0, 0, 32, -8.0, 0, 80.0, 24, 0, 0, 0, 1, 0]}
"""
_ECHO = """\
header:
  stamp: {sec: 1, nanosec: 2}
  frame_id: right
height: 48
width: 64
distortion_model: plumb_bob
d: [0.0, 0.0, 0.0, 0.0, 0.0]
k: [80.0, 0.0, 32.0, 0.0, 80.0, 24.0, 0.0, 0.0, 1.0]
r: [1.0, 0.0, 0.0, 0.0, 1.0, 0.0, 0.0, 0.0, 1.0]
p: [80.0, 0.0, 32.0, -8.0, 0.0, 80.0, 24.0, 0.0, 0.0, 0.0, 1.0, 0.0]
binning_x: 0
binning_y: 0
roi: {x_offset: 0, y_offset: 0, height: 0, width: 0, do_rectify: false}
---
"""
_CFG = {
    "vit_size": "vits",
    "max_disp": 416,
    "valid_iters": 32,
    "corr_levels": 2,
    "hidden_dims": [128, 128, 128],
}


def write_corpus(folder: Path) -> dict[str, list[Path]]:
    """Write good files; return them by kind. What belongs to a file lies in its folder."""
    made: dict[str, list[Path]] = {}
    for kind, write in _WRITERS.items():
        place = folder / kind
        place.mkdir(parents=True)
        made[kind] = sorted(write(place))
    return made


def _photo() -> Any:
    path = next(iter(sorted((ROOT / "foundation_stereo_ros/scenes/layered/photographs").glob("*.jpg"))))
    return cv2.resize(cv2.imread(str(path)), (WIDTH, HEIGHT), interpolation=cv2.INTER_AREA)


def _images(folder: Path) -> Iterator[Path]:
    photo = _photo()
    deep, grey = photo.astype(np.uint16) * 257, photo[..., 1]
    progressive = [cv2.IMWRITE_JPEG_PROGRESSIVE, 1]
    forms = {
        "rgb.png": (photo, []),
        "deep.png": (deep, []),
        "grey.png": (grey, []),
        "plain.jpg": (photo, []),
        "progressive.jpg": (photo, progressive),
        "lzw.tiff": (photo, [cv2.IMWRITE_TIFF_COMPRESSION, 5]),
        "deep.tiff": (deep, [cv2.IMWRITE_TIFF_COMPRESSION, 1]),
        "deflate.tiff": (grey, [cv2.IMWRITE_TIFF_COMPRESSION, 8]),
        "grey.pgm": (grey, []),
        "rgb.ppm": (photo, []),
        "rgb.bmp": (photo, []),
        "lossy.webp": (photo, []),
        "lossless.webp": (photo, [cv2.IMWRITE_WEBP_QUALITY, 101]),
        "rgb.jp2": (photo, []),
        "rgb.ras": (photo, []),
    }
    for name, (image, options) in forms.items():
        done, data = cv2.imencode(Path(name).suffix, image, options)
        if done:
            yield _written(folder / name, data.tobytes())


def _arrays(folder: Path) -> Iterator[Path]:
    values = np.linspace(0, 30, WIDTH * HEIGHT, dtype=np.float32).reshape(HEIGHT, WIDTH)
    np.save(folder / "plain.npy", values)
    np.savez(folder / "stored.npz", disparity=values)
    np.savez_compressed(folder / "deflated.npz", disparity=values, other=values)
    head = f"Pf\n{WIDTH} {HEIGHT}\n-1.0\n".encode()
    _written(folder / "map.pfm", head + values.astype("<f4").tobytes())
    _written(folder / "big_endian.pfm", head.replace(b"-", b"") + values.astype(">f4").tobytes())
    yield from folder.iterdir()


def _yaml(folder: Path) -> Iterator[Path]:
    yield _written(folder / "calibration.yaml", _CALIBRATION.encode())
    yield _written(folder / "echo.yaml", _ECHO.encode())
    for name in ("stereo.yaml", "train.yaml", "train_long.yaml"):
        yield Path(shutil.copy(ROOT / "config" / name, folder / name))


def _lists(folder: Path) -> Iterator[Path]:
    from foundation_stereo_ros.train.curation.keep_list import FORMAT

    yield _written(folder / "intrinsics.txt", b"80.0 0 32 0 80.0 24 0 0 1\n0.1\n")
    calib = (
        "cam0=[80 0 32; 0 80 24; 0 0 1]\ncam1=[80 0 32; 0 80 24; 0 0 1]\ndoffs=0\nbaseline=100\nndisp=60\n"
    )
    yield _written(folder / "calib.txt", calib.encode())
    row = " ".join(map(str, (80.0, 0, 32, -8.0, 0, 80.0, 24, 0, 0, 0, 1, 0)))
    yield _written(folder / "kitti.txt", "".join(f"P{n}: {row}\n" for n in range(4)).encode())
    scores = [
        {"seed": 10**6 + n, "bp2": 3.5, "epe": 0.4, "kept": True, "composition": "room", "traits": ["thin"]}
        for n in range(20)
    ]
    lines = [json.dumps(line) for line in ({"format": FORMAT, "scenes": {}}, *scores)]
    yield _written(folder / "keep.jsonl", ("\n".join(lines) + "\n").encode())


def _calibrations(folder: Path) -> Iterator[Path]:
    """Every format, a folder each, since two files may belong together."""
    sys.path.insert(0, str(ROOT / "test" / "support"))
    from calibration_files import RAW

    for number, write in enumerate(RAW.values()):
        place = folder / str(number)
        place.mkdir()
        written = write(place)
        for other in set(place.iterdir()) - set(written):
            other.unlink()
        yield from written


def _posed(folder: Path) -> Iterator[Path]:
    """A folder of every layout; the files with the numbers are those that are damaged."""
    poses = [np.eye(4) + np.pad([[0.1 * n], [0], [0]], ((0, 1), (3, 0))) for n in range(FRAMES)]
    stamps = [100 + 0.1 * n for n in range(FRAMES)]
    k = "80 0 32\n0 80 24\n0 0 1\n"
    matrices = "".join(" ".join(map(str, pose.ravel())) + "\n" for pose in poses)
    tum = "".join(f"{t} {pose[0, 3]} 0 0 0 0 0 1\n" for t, pose in zip(stamps, poses, strict=True))
    projections = "".join(f"P{n}: 80 0 32 0 0 80 24 0 0 0 1 0\n" for n in range(4))
    listed = "".join(f"{t} rgb/{n}.png\n" for n, t in enumerate(stamps))
    seen = "".join(f"{n + 1} 1 0 0 0 {-0.1 * n} 0 0 1 {n}.png\n\n" for n in range(FRAMES))
    layouts: dict[str, tuple[str, dict[str, str]]] = {
        "deepvideomvs": ("images/{}.png", {"poses.txt": matrices, "K.txt": k}),
        "7scenes": (
            "frame-{:06d}.color.png",
            {f"frame-{n:06d}.pose.txt": line for n, line in enumerate(matrices.splitlines(True))},
        ),
        "tum": ("rgb/{}.png", {"rgb.txt": listed, "groundtruth.txt": "# stamp\n" + tum}),
        "kitti": (
            "image_2/{:06d}.png",
            {
                "poses.txt": "".join(" ".join(map(str, pose[:3].ravel())) + "\n" for pose in poses),
                "calib.txt": projections,
                "times.txt": "".join(f"{t}\n" for t in stamps),
            },
        ),
        "colmap": ("images/{}.png", {"cameras.txt": "1 PINHOLE 64 48 80 80 32 24\n", "images.txt": seen}),
        "trajectory": ("{}.png", {"trajectory.txt": tum}),
    }
    for layout, (images, texts) in layouts.items():
        place = folder / layout
        for number in range(FRAMES):
            image = place / images.format(number)
            image.parent.mkdir(parents=True, exist_ok=True)
            cv2.imwrite(str(image), _photo())
        for name, text in texts.items():
            yield _written(place / name, text.encode())


def _safetensors(folder: Path) -> Iterator[Path]:
    for name in ("lean", "tiny"):
        yield Path(shutil.copy(ROOT / f"foundation_stereo_ros/weights/{name}.safetensors", folder))
    yield Path(shutil.copy(ROOT / "config/long_run/state.safetensors", folder))


def _pth(folder: Path) -> Iterator[Path]:
    model = {f"module.layer{n}.weight": torch.ones(4, 3) for n in range(6)}
    content = {"model": model, "global_step": 5, "epoch": 1}
    for name, zipped in (("zipped", True), ("legacy", False)):
        place = folder / name
        place.mkdir()
        torch.save(content, place / "model_best_bp2.pth", _use_new_zipfile_serialization=zipped)
        (place / "cfg.yaml").write_text(yaml.safe_dump(_CFG))
        yield place / "model_best_bp2.pth"


def _onnx(folder: Path) -> Iterator[Path]:
    import onnx
    from onnx import TensorProto, helper, numpy_helper

    sides = [1, 3, HEIGHT, WIDTH]
    nodes = [
        helper.make_node("ReduceMean", ["left", "axes"], ["l"], keepdims=1),
        helper.make_node("ReduceMean", ["right", "axes"], ["r"], keepdims=1),
        helper.make_node("Sub", ["l", "r"], ["d"]),
        helper.make_node("Mul", ["d", "gain"], ["disparity"]),
    ]
    gain = numpy_helper.from_array(np.full((1, 1, HEIGHT, WIDTH), 0.1, np.float32), "gain")
    graph = helper.make_graph(
        nodes,
        "means",
        [helper.make_tensor_value_info(name, TensorProto.FLOAT, sides) for name in ("left", "right")],
        [helper.make_tensor_value_info("disparity", TensorProto.FLOAT, [1, 1, HEIGHT, WIDTH])],
        [helper.make_tensor("axes", TensorProto.INT64, [1], [1]), gain],
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 18)], ir_version=9)
    helper.set_model_props(
        model, {"foundation_stereo_ros": "1", "iterations": "1", "config": '{"max_disp": 64}'}
    )
    onnx.save(model, folder / "whole.onnx")
    yield folder / "whole.onnx"
    place = folder / "outside"
    place.mkdir()
    onnx.save(
        model, place / "model.onnx", save_as_external_data=True, location="model.data", size_threshold=100
    )
    yield place / "model.onnx"


def _messages(ros1: bool, compressed: bool) -> Iterator[tuple[str, str, int, Any]]:
    types: dict[str, Any] = dict(_STORES[ros1].types)
    photo = _photo()
    for number in range(FRAMES):
        time = _START + number * _SECOND // 10
        stamp = types["builtin_interfaces/msg/Time"](sec=time // _SECOND, nanosec=time % _SECOND)
        header = types["std_msgs/msg/Header"](*([number] if ros1 else []), stamp=stamp, frame_id="left")
        for side, tx in (("left", 0.0), ("right", -8.0)):
            k = np.array((80.0, 0, 32, 0, 80, 24, 0, 0, 1))
            p = np.array((80.0, 0, 32, tx, 0, 80, 24, 0, 0, 0, 1, 0))
            roi = types["sensor_msgs/msg/RegionOfInterest"](0, 0, 0, 0, False)
            numbers = (HEIGHT, WIDTH, "plumb_bob", np.zeros(5), k, np.eye(3).ravel(), p, 0, 0, roi)
            yield f"/rig/{side}/camera_info", _INFO, time, types[_INFO](header, *numbers)
            if compressed:
                data = cv2.imencode(".jpg", photo)[1].ravel()
                image = types[_COMPRESSED](header, "bgr8; jpeg compressed bgr8", data)
                yield f"/rig/{side}/image_rect/compressed", _COMPRESSED, time, image
            else:
                pixels = np.roll(photo, -4 * (side == "right"), axis=1).ravel()
                image = types[_IMAGE](header, HEIGHT, WIDTH, "bgr8", 0, 3 * WIDTH, pixels)
                yield f"/rig/{side}/image_rect", _IMAGE, time, image


def _mcap(folder: Path) -> Iterator[Path]:
    store = _STORES[False]
    for compression in CompressionType:
        for form, options in (
            ("indexed", {}),
            ("plain", {"index_types": IndexType.NONE, "use_statistics": False, "use_chunking": False}),
            ("unindexed", {"index_types": IndexType.NONE, "use_statistics": False}),
        ):
            if form == "plain" and compression != CompressionType.NONE:
                continue
            path = folder / f"{form}_{compression.name.lower()}.mcap"
            writer: Any = McapWriter(str(path), chunk_size=20_000, compression=compression, **options)
            writer.start("ros2")
            channels: dict[str, int] = {}
            for topic, msgtype, time, message in _messages(False, compression == CompressionType.LZ4):
                if topic not in channels:
                    text = store.generate_msgdef(msgtype, ros_version=2)[0].encode()
                    schema = writer.register_schema(msgtype, "ros2msg", text)
                    channels[topic] = writer.register_channel(topic, "cdr", schema)
                data = bytes(store.serialize_cdr(message, msgtype))
                writer.add_message(channels[topic], time, data, time)
            writer.finish()
            yield path


def _db3(folder: Path) -> Iterator[Path]:
    for name in ("plain", "message", "file"):
        writer = Ros2Writer(folder / name, version=9, storage_plugin=StoragePlugin.SQLITE3)
        if name != "plain":
            writer.set_compression(CompressionMode[name.upper()], CompressionFormat.ZSTD)
        yield _recorded(writer, folder / name, ros1=False)


def _ros1(folder: Path) -> Iterator[Path]:
    for name in ("none", "bz2", "lz4"):
        path = folder / f"{name}.bag"
        writer = Ros1Writer(path)
        if name != "none":
            writer.set_compression(Ros1Writer.CompressionFormat[name.upper()])
        yield _recorded(writer, path, ros1=True)


def _recorded(writer: Any, path: Path, *, ros1: bool) -> Path:
    store = _STORES[ros1]
    pack = store.serialize_ros1 if ros1 else store.serialize_cdr
    with writer:
        connections: dict[str, Any] = {}
        for topic, msgtype, time, message in _messages(ros1, compressed=False):
            if topic not in connections:
                connections[topic] = writer.add_connection(topic, msgtype, typestore=store)
            writer.write(connections[topic], time, pack(message, msgtype))
    return path if path.is_file() else next(file for file in path.iterdir() if file.name != "metadata.yaml")


def _written(path: Path, data: bytes) -> Path:
    path.write_bytes(data)
    return path


_WRITERS: dict[str, Callable[[Path], Iterator[Path]]] = {
    "images": _images,
    "pfm, npy, npz": _arrays,
    "yaml": _yaml,
    "text lists": _lists,
    "calibrations": _calibrations,
    "posed videos": _posed,
    "safetensors": _safetensors,
    "pth": _pth,
    "onnx": _onnx,
    "mcap": _mcap,
    "db3": _db3,
    "ros1 bag": _ros1,
}
