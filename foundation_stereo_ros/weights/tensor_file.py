# SPDX-License-Identifier: Apache-2.0
"""Writing tensors to disk: a safetensors file, whole or not there."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from safetensors import SafetensorError
from safetensors.torch import save_file
from torch import Tensor

from foundation_stereo_ros.errors import CheckpointError


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
    partial = file.with_name(f".{file.name}.partial")
    try:
        file.parent.mkdir(parents=True, exist_ok=True)
        save_file(stored, partial, metadata=dict(header))
        partial.chmod(0o644)  # safetensors makes files that nobody else may read
        partial.replace(file)
    except (OSError, SafetensorError) as error:
        partial.unlink(missing_ok=True)
        raise CheckpointError(f"cannot write {file}: {error}") from None
