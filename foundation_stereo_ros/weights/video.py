# SPDX-License-Identifier: Apache-2.0
"""Weights of networks for posed video: this package's safetensors, and folders of published files.

A published network is a folder with one pickled state dict for each of its modules; they are read
weights-only, so that no code in them ever runs. Its parameters have our names, but for the pyramid's in
files that a newer torchvision wrote.
"""

from __future__ import annotations

import os
import re
from collections.abc import Mapping
from pathlib import Path

import torch
from torch import Tensor

from foundation_stereo_ros.errors import CheckpointError
from foundation_stereo_ros.nets.video import AnyVideoConfig, VideoConfig, VideoNetwork, build_video_network
from foundation_stereo_ros.weights.official import check_entries
from foundation_stereo_ros.weights.official_file import load_weights_only
from foundation_stereo_ros.weights.shipped import SHIPPED_VIDEO, find_checkpoint

_PAIRNET = ("feature_extractor", "feature_pyramid", "encoder", "decoder")
_FUSIONNET = ("feature_extractor", "feature_pyramid", "encoder", "lstm_fusion", "decoder")
_PUBLISHED = re.compile(r"(\d)_([a-z_]+)")
_TRAINED = re.compile(r"module_(\d)_checkpoint\.pth\.tar.*")
_NEWER_PYRAMID = re.compile(r"^(fpn\.(?:inner|layer)_blocks\.\d)\.0\.")
_OLDER_PYRAMID = r"\1."


def is_published_folder(folder: Path) -> bool:
    """Tell whether a folder looks like one of published files."""
    return folder.is_dir() and any(_place(file.name) is not None for file in folder.iterdir())


def read_published_folder(folder: Path) -> tuple[VideoConfig, dict[str, Tensor]]:
    """Read a folder of published weight files.

    Args:
        folder: holds ``0_feature_extractor``, ``1_feature_pyramid``, ``2_encoder`` and ``3_decoder``, or
            ``3_lstm_fusion`` and ``4_decoder``; or ``module_0_checkpoint.pth.tar_epoch...`` to the last.

    Returns:
        The configuration of pairnet or fusionnet, and the tensors by our names.

    Raises:
        CheckpointError: a file is missing, there are several for a module, or one is damaged or holds code.
    """
    files: dict[int, Path] = {}
    for file in sorted(folder.iterdir()):
        place = _place(file.name)
        if place is None:
            continue
        if place in files:
            raise CheckpointError(f"{folder} holds {files[place].name} and {file.name}; expected one of them")
        files[place] = file
    modules = _FUSIONNET if len(files) == len(_FUSIONNET) else _PAIRNET
    if sorted(files) != list(range(len(modules))):
        raise CheckpointError(
            f"{folder} holds {', '.join(file.name for file in files.values())}; expected "
            f"{', '.join(f'{i}_{name}' for i, name in enumerate(modules))}"
        )
    tensors: dict[str, Tensor] = {}
    for place, module in enumerate(modules):
        content = load_weights_only(files[place])
        if not isinstance(content, Mapping) or not all(
            isinstance(name, str) and isinstance(value, Tensor) for name, value in content.items()
        ):
            raise CheckpointError(
                f"{files[place]} holds {type(content).__name__}; expected names and tensors"
            )
        for name, tensor in content.items():
            tensors[f"{module}.{_NEWER_PYRAMID.sub(_OLDER_PYRAMID, name)}"] = tensor
    return VideoConfig(recurrent=modules is _FUSIONNET), tensors


def _place(name: str) -> int | None:
    found = _PUBLISHED.fullmatch(name)
    if found and found[2] in _FUSIONNET:
        return int(found[1])
    found = _TRAINED.fullmatch(name)
    return int(found[1]) if found else None


def load_video_checkpoint(path: str | os.PathLike[str]) -> VideoNetwork:
    """Build the network that weights belong to and load it, in evaluation mode.

    Args:
        path: a safetensors file of `save_checkpoint`, or a folder; see `read_published_folder`. "lean-video",
            or empty: the weights that ship.

    Raises:
        CheckpointError: the weights cannot be used; one line that says why.
    """
    from foundation_stereo_ros.weights.checkpoint import naming, purpose_of, read_checkpoint

    path = find_checkpoint(os.fspath(path), SHIPPED_VIDEO)
    checkpoint = read_checkpoint(path)
    with naming(path):
        if not isinstance(checkpoint.config, AnyVideoConfig):
            raise CheckpointError(
                f"the weights are for {purpose_of(checkpoint.config)}; expected some for posed video"
            )
        with torch.device("meta"):  # what does not fit is told before memory is taken
            own = build_video_network(checkpoint.config).state_dict()
        check_entries({name: tuple(tensor.shape) for name, tensor in own.items()}, checkpoint.tensors)
        model = build_video_network(checkpoint.config)
        model.load_state_dict(dict(checkpoint.tensors))
    return model.eval()
