# SPDX-License-Identifier: Apache-2.0
"""Reading an official checkpoint: a pickle that is never trusted, and its cfg.yaml."""

from __future__ import annotations

import logging
import pickle
import zipfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import torch
import yaml
from torch import Tensor

from foundation_stereo_ros.errors import CheckpointError, ConfigError
from foundation_stereo_ros.nets.stereo.foundation.config import MONOCULAR, NetworkConfig

_log = logging.getLogger(__name__)
_CLS_TOKEN = "feature.dino.depth_anything.pretrained.cls_token"
_FIXED = {"hidden_dims": [128, 128, 128], "n_gru_layers": 3, "n_downsample": 2}
_SETTINGS = {
    "max_disp": "max_disp",
    "valid_iters": "iterations",
    "corr_levels": "lookup_levels",
    "corr_radius": "lookup_radius",
}


def read_official_file(file: Path) -> tuple[NetworkConfig, dict[str, Tensor], bool, dict[str, str]]:
    """Return configuration, tensors by official name, True, and what the file says of itself.

    Raises:
        CheckpointError: the file is damaged, holds code, or is no such checkpoint.
    """
    content = load_weights_only(file)
    weights = content.get("model") if isinstance(content, Mapping) else None
    if not isinstance(weights, Mapping) or not all(isinstance(value, Tensor) for value in weights.values()):
        found = type(content).__name__
        if isinstance(content, Mapping):
            found = ", ".join(map(str, list(content)[:6]))
        raise CheckpointError(f"{file} holds no weights under 'model' (it holds: {found or 'nothing'})")
    tensors = {str(name).removeprefix("module."): tensor for name, tensor in weights.items()}
    metadata = {key: str(content[key]) for key in ("global_step", "epoch") if key in content}
    return _read_config(file.with_name("cfg.yaml"), tensors), tensors, True, metadata


def load_weights_only(file: Path) -> Any:
    """Return what a pickle of PyTorch holds, executing nothing in it.

    Raises:
        CheckpointError: the file is damaged, holds code, or is no such pickle.
    """
    try:
        with torch.serialization.safe_globals(_numpy_scalars()):
            return torch.load(file, map_location="cpu", weights_only=True, mmap=zipfile.is_zipfile(file))
    except pickle.UnpicklingError as error:
        raise CheckpointError(f"{file} is refused: {_refused(str(error))}") from None
    except (RuntimeError, EOFError, OSError, ValueError, LookupError, AttributeError, TypeError) as error:
        reason = str(error).partition("\n")[0]
        raise CheckpointError(f"{file} is damaged or no PyTorch checkpoint: {reason}") from None


def _refused(message: str) -> str:
    """Say in one line what torch's weights-only reader would not touch."""
    for line in message.splitlines():
        if "GLOBAL" in line:
            name = line.split("GLOBAL", 1)[1].split()[0].strip(".,")
            return f"it holds {name}, which is code and not weights, and is never executed"
    return message.partition("\n")[0]


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


def _read_config(file: Path, tensors: Mapping[str, Tensor]) -> NetworkConfig:
    if not file.is_file():
        size = _size_from_weights(tensors)
        _log.warning("no cfg.yaml beside the weights: taking %s, as their shapes say, and max_disp 416", size)
        return NetworkConfig(monocular=size)  # type: ignore[arg-type]
    try:
        values = yaml.safe_load(file.read_text(encoding="utf-8"))
    except (yaml.YAMLError, UnicodeDecodeError, OSError) as error:
        raise CheckpointError(f"{file} is no readable YAML: {str(error).partition(chr(10))[0]}") from None
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
