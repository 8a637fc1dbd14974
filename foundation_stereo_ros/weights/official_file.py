# SPDX-License-Identifier: Apache-2.0
"""Reading official checkpoints: pickles that are never trusted, and the cfg.yaml of one."""

from __future__ import annotations

import argparse
import logging
import numbers
import pickle
import re
import struct
import zipfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import torch
from torch import Tensor

from foundation_stereo_ros.errors import CheckpointError, ConfigError, FileFormatError
from foundation_stereo_ros.io.documents import read_yaml
from foundation_stereo_ros.io.files import check_input
from foundation_stereo_ros.nets.stereo.foundation.config import MONOCULAR, NetworkConfig
from foundation_stereo_ros.weights.pickles import check_pickle

_log = logging.getLogger(__name__)
_CLS_TOKEN = "feature.dino.depth_anything.pretrained.cls_token"
_PICKLES = 4  # of a file from before there were archives: two numbers, about the machine, and the weights
_DAMAGE = (zipfile.BadZipFile, OSError, ValueError, NotImplementedError, struct.error, EOFError, LookupError)
_FIXED = {"hidden_dims": [128, 128, 128], "n_gru_layers": 3, "n_downsample": 2}
_SETTINGS = {
    "max_disp": "max_disp",
    "valid_iters": "iterations",
    "corr_levels": "lookup_levels",
    "corr_radius": "lookup_radius",
}


class OfficialFile(NamedTuple):
    """What a pickle holds.

    Attributes:
        tensors: by official name.
        metadata: what the file says of itself, for people.
        described: a text about the network, which only MASt3R's have.
    """

    tensors: dict[str, Tensor]
    metadata: dict[str, str]
    described: str


def read_official_file(file: Path) -> OfficialFile:
    """Read a pickle with weights under ``model``.

    Raises:
        CheckpointError: the file is damaged, holds code, or is no such checkpoint.
    """
    content = load_weights_only(file)
    weights = content.get("model") if isinstance(content, Mapping) else None
    if not isinstance(weights, Mapping) or not all(
        isinstance(name, str) and isinstance(value, Tensor) for name, value in weights.items()
    ):
        found = type(content).__name__
        if isinstance(content, Mapping):
            # Other keys than texts may take for ever to print.
            found = ", ".join(key for key in list(content)[:6] if isinstance(key, str))
        raise CheckpointError(f"{file} holds no weights under 'model' (it holds: {found or 'nothing'})")
    tensors = {name.removeprefix("module."): tensor for name, tensor in weights.items()}
    counts = {key: content.get(key) for key in ("global_step", "epoch")}
    metadata = {key: str(value) for key, value in counts.items() if isinstance(value, numbers.Real)}
    described = getattr(content.get("args"), "model", "")
    return OfficialFile(tensors, metadata, described if isinstance(described, str) else "")


def load_weights_only(file: Path) -> Any:
    """Return what a pickle of PyTorch holds, executing nothing in it.

    Raises:
        CheckpointError: the file is damaged, holds code, or is no such pickle.
    """
    check_input(file, CheckpointError)
    try:
        zipped = zipfile.is_zipfile(file)
        if zipped:
            _check_archive(file)
        else:
            with file.open("rb") as stream:
                for _ in range(_PICKLES):
                    check_pickle(stream)
    except _DAMAGE:
        raise CheckpointError(f"{file} is damaged or no PyTorch checkpoint") from None
    try:
        with torch.serialization.safe_globals([*_numpy_scalars(), argparse.Namespace]):
            return torch.load(file, map_location="cpu", weights_only=True, mmap=zipped)
    except pickle.UnpicklingError as error:
        raise CheckpointError(f"{file} is refused: {_refused(str(error))}") from None
    except Exception:  # whatever torch's readers raise on damaged bytes; their words are for programmers
        raise CheckpointError(f"{file} is damaged or no PyTorch checkpoint") from None


def _check_archive(file: Path) -> None:
    """Refuse an archive that would grow while it is read: PyTorch stores its entries as they are."""
    with zipfile.ZipFile(file) as archive:
        entries = archive.infolist()
        packed = next((entry for entry in entries if entry.compress_type != zipfile.ZIP_STORED), None)
        if packed:
            name = packed.filename
            raise CheckpointError(
                f"{file} is refused: {name!r} in it is compressed, which PyTorch never does"
            )
        size = sum(entry.file_size for entry in entries)
        if size > file.stat().st_size:
            raise CheckpointError(
                f"{file} is refused: its entries claim {size:,} bytes, more than the file has"
            )
        for entry in entries:
            if entry.filename.endswith(".pkl"):
                with archive.open(entry) as stream:
                    check_pickle(stream)


def _refused(message: str) -> str:
    """Say in one line what torch's weights-only reader would not touch."""
    named = re.search(r"GLOBAL ([\w.]+)", message)
    if named:
        return f"it holds {named[1].strip('.')}, which is code and not weights, and is never executed"
    return "it holds more than weights, or is damaged"


def _numpy_scalars() -> list[Any]:
    """Return what a pickled numpy number needs, and nothing more; numpy 1 has it in ``numpy.core``."""
    scalar = np.float64(0).__reduce__()[0]
    dtypes = {type(np.dtype(code)) for code in "?bBhHiIlLqQefd"}
    return [
        (scalar, "numpy.core.multiarray.scalar"),
        (scalar, "numpy._core.multiarray.scalar"),
        np.dtype,
        *dtypes,
    ]


def read_stereo_config(file: Path, tensors: Mapping[str, Tensor]) -> NetworkConfig:
    """Return the configuration of FoundationStereo's weights, from a ``cfg.yaml`` or else from their shapes.

    Raises:
        CheckpointError: the file is damaged or tells of another network, or the shapes do.
    """
    if not file.is_file():
        size = _size_from_weights(tensors)
        _log.warning("no cfg.yaml beside the weights: taking %s, as their shapes say, and max_disp 416", size)
        return NetworkConfig(monocular=size)  # type: ignore[arg-type]
    try:
        values = read_yaml(file)
    except FileFormatError as error:
        raise CheckpointError(str(error)) from None
    if not isinstance(values, Mapping):
        raise CheckpointError(
            f"{file} holds {type(values).__name__}; expected the network's settings by name"
        )
    for key, expected in _FIXED.items():
        if key in values and values[key] != expected:
            raise CheckpointError(f"{file}: {key} is {values[key]}; this network knows {expected} alone")
    settings = {ours: values[key] for key, ours in _SETTINGS.items() if key in values}
    try:
        return NetworkConfig(monocular=values.get("vit_size", "vitl"), **settings)
    except (ConfigError, TypeError) as error:
        raise CheckpointError(f"{file}: {error}") from None


def _size_from_weights(tensors: Mapping[str, Tensor]) -> str:
    width = tensors[_CLS_TOKEN].shape[-1] if _CLS_TOKEN in tensors else None
    for size, spec in MONOCULAR.items():
        if spec.stage_widths[3] == width:
            return size
    raise CheckpointError("no cfg.yaml beside the weights, and their shapes are those of no known network")
