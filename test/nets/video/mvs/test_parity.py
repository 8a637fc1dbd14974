# SPDX-License-Identifier: Apache-2.0
"""The networks against numbers of the published ones, with the same seeded weights, float32 on the CPU."""

from __future__ import annotations

import json
from functools import lru_cache

import cv2
import numpy as np
import pytest
import torch
from seeded_network import REFERENCE
from seeded_video import seeded_video_network
from torch import Tensor

from foundation_stereo_ros.geometry.poses import motion
from foundation_stereo_ros.nets.video import Memory, Motion, VideoOutput

FOLDER = REFERENCE / "dvmvs"
SIZE = (320, 256)
# Largest and mean deviation, by the beginning of a tap's name; about ten times what the published network's
# float32 differs from its own float64.
BOUNDS = {
    "layer": (3e-4, 2e-5),
    "feat": (3e-4, 2e-5),
    "cost_volume": (1e-2, 4e-4),
    "skip": (6e-3, 3e-4),
    "bottom": (1e-3, 5e-5),
    "lstm": (3e-3, 3e-4),
    "depth_full": (5e-3, 3e-4),
    "depth_half": (1.5e-2, 1.5e-3),
    "depth_quarter": (7e-3, 7e-4),
    "depth_8": (1.5e-3, 1.5e-4),
    "depth_16": (6e-4, 6e-5),
}

pytestmark = pytest.mark.skipif(not FOLDER.is_dir(), reason=f"no reference outputs in {FOLDER}")


def _pose(matrix: np.ndarray) -> Tensor:
    return torch.from_numpy(matrix).float()[None]


Predicted = tuple[int, VideoOutput, dict[str, Tensor]]


@lru_cache(maxsize=2)
@torch.inference_mode()
def _predictions(recurrent: bool) -> list[Predicted]:
    """Run a network over the reference scene; return what each keyframe gave, and the tensors on the way."""
    model, found = seeded_video_network(recurrent), []
    scene = np.load(FOLDER / "scene.npz")
    poses, rows, columns = scene["poses"], *scene["images"].shape[1:3]
    scale = np.array([[SIZE[0] / columns], [SIZE[1] / rows], [1.0]])
    intrinsics = torch.from_numpy(scene["K"] * scale).float()[None]
    taps: dict[str, Tensor] = {}
    for level in range(1, 6):
        layer = model.feature_extractor.get_submodule(f"layer{level}")
        layer.register_forward_hook(lambda m, i, out, name=f"layer{level}": taps.update({name: out}))
    features, memory, last = {}, None, -1
    for number, (picture, response) in enumerate(zip(scene["images"], scene["response"], strict=True)):
        if response > 1:
            continue
        small = cv2.resize(picture.astype(np.float32), SIZE, interpolation=cv2.INTER_LINEAR)
        image = torch.from_numpy(small).permute(2, 0, 1)[None]
        features[number] = model.encode(image)
        if response == 0:
            continue
        pose = poses[number]
        views = [
            (features[i].half, _pose(motion(pose, poses[i]))) for i in scene["measurement"][number] if i >= 0
        ]
        moved = Motion(_pose(motion(poses[last], pose)), _pose(motion(pose, poses[last]))) if memory else None
        volume = model.sweep(features[number], views, intrinsics)
        hidden = model.hidden_state(memory, moved, intrinsics) if memory and moved else None
        output = model(image, features[number], volume, memory, hidden)
        names = ("feat_half", "feat_quarter", "feat_8", "feat_16")
        taps.update(zip(names, features[number], strict=True))
        taps.update({"cost_volume": volume})
        names = ("depth_full", "depth_half", "depth_quarter", "depth_8", "depth_16")
        taps.update(zip(names, output.depths, strict=True))
        if output.memory:
            taps.update({"lstm_h": output.memory.hidden, "lstm_c": output.memory.cell})
        found.append((number, output, dict(taps)))
        memory, last = output.memory, number
    return found


def _check(name: str, found: np.ndarray, expected: np.ndarray) -> None:
    largest, mean = next(bounds for start, bounds in BOUNDS.items() if name.startswith(start))
    error = np.abs(found - expected)
    assert error.max() < largest, name
    assert error.mean() < mean, name


@pytest.mark.parametrize("name", ["pairnet", "fusionnet"])
def test_every_tap_of_every_keyframe(name: str) -> None:
    case = np.load(FOLDER / f"{name}.npz")
    frames, compared = [], set()
    for number, output, taps in _predictions(name == "fusionnet"):
        frames.append(number)
        _check("depth_full", output.depths[0][0].numpy(), case[f"f{number}.depth_full"])
        for tap, tensor in taps.items():
            key = f"f{number}.{tap}"
            if f"{key}.origin" not in case.files:
                continue
            crop, whole = case[key], (tensor[0] if tensor.ndim == 4 else tensor).numpy()
            place = zip(case[f"{key}.origin"], crop.shape, strict=True)  # channel, row, column
            _check(tap, whole[tuple(slice(start, start + size) for start, size in place)], crop)
            compared.add(tap)
    assert frames == case["frames"].tolist()
    wanted = {"fusionnet": {"cost_volume", "lstm_h", "lstm_c", "depth_16"}, "pairnet": {"layer5", "feat_16"}}
    assert compared >= wanted[name]


@pytest.mark.parametrize("name", ["pairnet", "fusionnet"])
def test_parameters_have_the_names_and_shapes_of_the_published_files(name: str) -> None:
    manifest = json.loads((FOLDER / f"manifest_{name}.json").read_text())
    published = {
        f"{file.partition('_')[2]}.{key}": tuple(shape)
        for file, entries in manifest.items()
        for key, shape, _ in entries
    }
    own = seeded_video_network(name == "fusionnet").state_dict()
    assert {key: tuple(tensor.shape) for key, tensor in own.items()} == published


def test_the_memory_holds_the_prediction() -> None:
    _, output, _ = _predictions(True)[0]
    assert isinstance(output.memory, Memory)
    assert output.memory.depth is output.depths[0]
