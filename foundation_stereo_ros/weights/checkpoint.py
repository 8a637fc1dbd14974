# SPDX-License-Identifier: Apache-2.0
"""Weights on disk: this package's safetensors, and the official checkpoints with their cfg.yaml.

A safetensors file is self-contained: its metadata hold the network's configuration. An official checkpoint
is a pickle (MASt3R's may also be safetensors); it is read weights-only, so that no code in it ever runs.
"""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save_file
from torch import Tensor

from foundation_stereo_ros.errors import CheckpointError, ConfigError, FileFormatError
from foundation_stereo_ros.io.documents import parse_json
from foundation_stereo_ros.io.files import atomic_path, check_input
from foundation_stereo_ros.nets.stereo.foundation.model import FoundationStereo
from foundation_stereo_ros.nets.stereo.kinds import (
    FOUNDATION,
    StereoConfig,
    StereoNetwork,
    build_network,
    changed,
    config_of,
    is_preset,
    kind_of,
)
from foundation_stereo_ros.nets.video.interface import VideoNetwork
from foundation_stereo_ros.nets.video.kinds import (
    VIDEO_KINDS,
    AnyVideoConfig,
    video_config_of,
    video_kind_of,
)
from foundation_stereo_ros.nets.views import MAST3R, Mast3r, ViewsConfig
from foundation_stereo_ros.weights.official import check_entries, check_official, load_official
from foundation_stereo_ros.weights.official_file import read_official_file, read_stereo_config
from foundation_stereo_ros.weights.video import is_published_folder, read_published_folder
from foundation_stereo_ros.weights.views import is_views_layout, read_views_layout

FORMAT = "foundation_stereo_ros/1"
_PICKLES = (".pth", ".pt", ".ckpt", ".bin")

AnyConfig = StereoConfig | AnyVideoConfig | ViewsConfig
"""Of any network whose weights can be read."""


@dataclass(frozen=True)
class Checkpoint:
    """What a weights file holds.

    Attributes:
        config: the network it belongs to.
        tensors: name -> tensor; official names for a `FoundationStereo` where ``official``.
        official: whether the file is laid out as its publishers do it.
        metadata: what else the file says of itself, for people.
    """

    config: AnyConfig
    tensors: Mapping[str, Tensor]
    official: bool
    metadata: Mapping[str, str]


def read_checkpoint(path: str | os.PathLike[str]) -> Checkpoint:
    """Read a weights file without building its network.

    Args:
        path: ``*.safetensors`` of `save_checkpoint`; or an official ``model_best_bp2.pth`` with its
            ``cfg.yaml`` beside it (one without ``vit_size`` means vitl), or the folder that holds both; or a
            folder of DeepVideoMVS, see `video.read_published_folder`; or MASt3R's ``.pth`` or its tensors
            as ``.safetensors``, see `views.read_views_layout`.

    Raises:
        CheckpointError: the file is missing, truncated, not a weights file, or holds code.
    """
    file = Path(path)
    if is_published_folder(file):
        return Checkpoint(*read_published_folder(file), True, {})
    if file.is_dir():
        file = file / "model_best_bp2.pth"
    if not file.exists():
        raise CheckpointError(f"no weights file at {file}")
    if file.suffix in _PICKLES:
        tensors, metadata, described = read_official_file(file)
        if is_views_layout(tensors):
            return _views_checkpoint(file, tensors, described, metadata)
        return Checkpoint(read_stereo_config(file.with_name("cfg.yaml"), tensors), tensors, True, metadata)
    if file.suffix == ".safetensors":
        return _read_safetensors(file)
    raise CheckpointError(f"weights file {file} ends in {file.suffix!r}; expected .safetensors or .pth")


def _read_safetensors(file: Path) -> Checkpoint:
    tensors, metadata = read_tensors(file)
    if is_views_layout(tensors):
        return _views_checkpoint(file, tensors, metadata.get("model", ""), {})
    kind = metadata.pop("format", None)
    if kind != FORMAT:
        raise CheckpointError(f"{file} says format {kind!r} of itself; expected {FORMAT!r}")
    try:
        # files from before there were several kinds name none
        values = parse_json(metadata.pop("config", ""), "it")
        config = _config_of(metadata.pop("kind", FOUNDATION), values)
    except (FileFormatError, ConfigError) as error:
        raise CheckpointError(f"{file} has no usable network configuration: {error}") from None
    return Checkpoint(config, tensors, False, metadata)


def _views_checkpoint(
    file: Path, tensors: Mapping[str, Tensor], described: str, metadata: Mapping[str, str]
) -> Checkpoint:
    with naming(file):
        return Checkpoint(*read_views_layout(tensors, described), True, metadata)


def _config_of(kind: str, values: Any) -> AnyConfig:
    if kind == MAST3R:
        return ViewsConfig.from_dict(values)
    return video_config_of(kind, values) if kind in VIDEO_KINDS else config_of(kind, values)


def read_tensors(file: Path, *, tensors: bool = True) -> tuple[dict[str, Tensor], dict[str, str]]:
    """Return tensors by name (none where not wanted) and the header's texts of a safetensors file.

    Raises:
        CheckpointError: the file is missing, damaged, or no such file.
    """
    check_input(file, CheckpointError)
    try:
        with safe_open(file, framework="pt") as opened:
            names = opened.keys() if tensors else ()
            return {name: opened.get_tensor(name) for name in names}, dict(opened.metadata() or {})
    except Exception:  # the reader is Rust: damage comes as many classes, in words for programmers
        raise CheckpointError(f"{file} is damaged or no safetensors file") from None


def load_checkpoint(
    path: str | os.PathLike[str], device: str | torch.device = "cpu", **overrides: Any
) -> StereoNetwork:
    """Build the network a weights file belongs to and load it, in evaluation mode.

    Args:
        path: see `read_checkpoint`.
        device: where the network goes.
        overrides: fields of its configuration to differ from the file's, say ``disparity_attention`` or
            ``max_disp``.

    Raises:
        CheckpointError: the file cannot be used; one line that says why.
    """
    checkpoint = read_checkpoint(path)
    with naming(path):
        config = changed(stereo_config_of(checkpoint), **overrides)
        if config.monocular or not is_preset(config):
            # Large, or of anybody's sizes: what the file lacks is told before memory is taken for it.
            with torch.device("meta"):
                _check_fits(_built(config), checkpoint)
        model = _built(config)
        _check_fits(model, checkpoint)
        if checkpoint.official and isinstance(model, FoundationStereo):
            load_official(model, checkpoint.tensors)
        else:
            model.load_state_dict(dict(checkpoint.tensors))
    return model.to(device).eval()


def stereo_config_of(checkpoint: Checkpoint) -> StereoConfig:
    """Return the configuration of a checkpoint that has to be of a stereo network.

    Raises:
        CheckpointError: it is of another one.
    """
    config = checkpoint.config
    if not isinstance(config, StereoConfig):
        raise CheckpointError(f"the weights are for {purpose_of(config)}; expected some for stereo pairs")
    return config


def purpose_of(config: AnyConfig) -> str:
    """Return what a network is for, for people."""
    if isinstance(config, ViewsConfig):
        return "views without poses"
    return "posed video" if isinstance(config, AnyVideoConfig) else "stereo pairs"


def _built(config: StereoConfig) -> StereoNetwork:
    try:
        return build_network(config)
    except ConfigError:
        raise
    except (RuntimeError, ValueError, TypeError, AssertionError, ArithmeticError, LookupError):
        raise ConfigError("the network's settings do not fit each other") from None


def _check_fits(model: StereoNetwork, checkpoint: Checkpoint) -> None:
    if checkpoint.official and isinstance(model, FoundationStereo):
        check_official(model, checkpoint.tensors)
        return
    shapes = {name: tuple(tensor.shape) for name, tensor in model.state_dict().items()}
    check_entries(shapes, checkpoint.tensors)


@contextmanager
def naming(path: str | os.PathLike[str]) -> Iterator[None]:
    """Begin messages of what is raised inside with the weights' path; a ConfigError as a CheckpointError."""
    try:
        yield
    except (CheckpointError, ConfigError) as error:
        raise CheckpointError(f"{path}: {error}") from None


def save_checkpoint(
    path: str | os.PathLike[str],
    model: StereoNetwork | VideoNetwork | Mast3r,
    metadata: Mapping[str, str] | None = None,
) -> None:
    """Write weights and configuration to one safetensors file; whole or not at all.

    Args:
        path: ends in ``.safetensors``.
        model: any precision; stored as it is.
        metadata: what the file should say of itself, text under names of your choice.

    Raises:
        CheckpointError: the file cannot be written.
    """
    file = Path(path)
    if file.suffix != ".safetensors":
        raise CheckpointError(f"weights file {file} ends in {file.suffix!r}; expected .safetensors")
    config: AnyConfig = model.config
    header = {**(metadata or {}), "format": FORMAT, "kind": name_of(config)}
    header["config"] = json.dumps(config.to_dict())
    write_tensors(file, model.state_dict(), header)


def name_of(config: AnyConfig) -> str:
    """Return the kind of network that a configuration is for, as weights files name it."""
    if isinstance(config, ViewsConfig):
        return MAST3R
    return video_kind_of(config) if isinstance(config, AnyVideoConfig) else kind_of(config)


def write_tensors(file: Path, tensors: Mapping[str, Tensor], header: Mapping[str, str]) -> None:
    """Write tensors and a header of texts; folders are made, an older file stays until the new one is whole.

    Args:
        file: to write.
        tensors: any device and layout, none of them a view of another.
        header: the file's metadata.

    Raises:
        CheckpointError: the file cannot be written.
    """
    stored = {name: tensor.detach().cpu().contiguous() for name, tensor in tensors.items()}
    try:
        with atomic_path(file) as unfinished:
            save_file(stored, unfinished, metadata=dict(header))
    except FileFormatError as error:
        raise CheckpointError(str(error)) from None
    except SafetensorError as error:
        raise CheckpointError(f"cannot write {file}: {error}") from None


def weights_sha256(path: Path) -> str:
    """Return the SHA-256 of a weights file, or of a folder: of its ``.pth`` files, otherwise of all."""
    if path.is_file():
        files = [path]
    else:
        files = sorted(path.glob("*.pth")) or sorted(file for file in path.iterdir() if file.is_file())
    digest = hashlib.sha256()
    for file in files:
        with file.open("rb") as stream:
            while block := stream.read(1 << 20):
                digest.update(block)
    return digest.hexdigest()
