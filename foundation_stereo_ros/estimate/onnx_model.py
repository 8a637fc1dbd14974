# SPDX-License-Identifier: Apache-2.0
"""A model in ONNX Runtime; the only place where that is met."""

from __future__ import annotations

import importlib.util
import logging
import os
import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt
import torch

from foundation_stereo_ros.errors import CheckpointError, ConfigError, ImageError

_log = logging.getLogger(__name__)

_TENSORRT, _CUDA, _CPU = "TensorrtExecutionProvider", "CUDAExecutionProvider", "CPUExecutionProvider"
_SHORT = {_TENSORRT: "TensorRT", _CUDA: "CUDA", _CPU: "the CPU"}
_WANTED = re.compile(r"allocate memory for requested buffer of size (\d+)")


class TensorFacts(NamedTuple):
    """An input or output: its name, its sides (None: any), and its type as NumPy calls it, as "float16"."""

    name: str
    shape: tuple[int | None, ...]
    type: str


class ModelFacts(NamedTuple):
    """What a model says of itself."""

    inputs: tuple[TensorFacts, ...]
    outputs: tuple[TensorFacts, ...]
    metadata: Mapping[str, str]


class OnnxSession:
    """A model, loaded.

    Args:
        path: of the ``.onnx`` file.
        device: ``auto``, ``cpu``, ``cuda`` or ``cuda:N``.
        half: let TensorRT compute in float16; no other provider changes the model's arithmetic.

    Attributes:
        path: of the file.
        device: where it runs.
        facts: its inputs, outputs and metadata.

    Raises:
        CheckpointError: the file is missing, damaged or needs what this ONNX Runtime does not have.
        ConfigError: ONNX Runtime is not installed, or has no provider for the device.
    """

    def __init__(self, path: Path, device: str = "auto", *, half: bool = True) -> None:
        self.path, self._wanted, self._half = path, device, half
        if not path.is_file():
            raise CheckpointError(f"no weights file at {path}")
        if importlib.util.find_spec("onnxruntime") is None:
            raise ConfigError(
                f"{path.name} cannot run without onnxruntime; expected the extra 'onnx' of this package"
            )
        self.device = torch.device("cpu")
        self._session: Any = self._load()
        self.facts = ModelFacts(
            tuple(map(_tensor_facts, self._session.get_inputs())),
            tuple(map(_tensor_facts, self._session.get_outputs())),
            dict(self._session.get_modelmeta().custom_metadata_map),
        )

    def open(self) -> None:
        """Load the model again after `close`.

        Raises:
            CheckpointError, ConfigError: as at the start.
        """
        if self._session is None:
            self._session = self._load()

    def _load(self) -> Any:
        import onnxruntime

        version, available = onnxruntime.__version__, onnxruntime.get_available_providers()
        self.device, providers = choose_providers(self._wanted, available, half=self._half)
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = torch.get_num_threads()
        if providers[0][0] == _TENSORRT:
            _cache().mkdir(parents=True, exist_ok=True)
        options.log_severity_level = 3  # errors: what it falls back to is said here
        try:
            session = onnxruntime.InferenceSession(self.path, options, providers=providers)
        except Exception as error:  # its exceptions have no class in common
            _raise_memory(error)
            raise CheckpointError(
                f"{self.path} does not load in ONNX Runtime {version}: {_reason(error)}"
            ) from None
        self._tell(version, session.get_providers())
        return session

    def _tell(self, version: str, running: Sequence[str]) -> None:
        if self.device.type == "cuda" and running[0] == _CPU:
            # A provider whose libraries are missing is left out without an error.
            missing = (
                f"ONNX Runtime {version} could not start {_SHORT[_CUDA]}, whose libraries may be missing"
            )
            if self._wanted != "auto":
                raise ConfigError(f"device is {self._wanted!r}; {missing}; expected auto or cpu")
            _log.warning("%s: %s", self.path.name, missing)
            self.device = torch.device("cpu")
        elif self.device.type == "cpu" and self._wanted == "auto" and torch.cuda.is_available():
            _log.warning("%s: this ONNX Runtime has no CUDA; expected onnxruntime-gpu", self.path.name)
        where = ", then ".join(_SHORT.get(name, name) for name in running)
        _log.info("%s runs in ONNX Runtime %s on %s", self.path.name, version, where)

    def close(self) -> None:
        """Give its memory back; `open` before the next run."""
        self._session = None

    def run(self, output: str, inputs: Mapping[str, npt.NDArray[Any]]) -> npt.NDArray[Any]:
        """Return an output.

        Raises:
            ImageError: the model does not take these inputs.
            MemoryError: as Python's own.
        """
        try:
            return np.asarray(self._session.run([output], dict(inputs))[0])
        except Exception as error:
            _raise_memory(error)
            shapes = ", ".join(f"{name} {value.shape}" for name, value in inputs.items())
            raise ImageError(f"{self.path.name} cannot run on {shapes}: {_reason(error)}") from None


def choose_providers(
    device: str, available: Sequence[str], *, half: bool = True
) -> tuple[torch.device, list[tuple[str, dict[str, Any]]]]:
    """Return where a model runs, and the providers to try with their options, the best one first.

    Args:
        device: ``auto``, ``cpu``, ``cuda`` or ``cuda:N``.
        available: providers of this ONNX Runtime.
        half: let TensorRT compute in float16.

    Raises:
        ConfigError: there is none for this device.
    """
    on_gpu = [name for name in (_TENSORRT, _CUDA) if name in available]
    if device == "auto":
        device = "cuda" if on_gpu else "cpu"
    named = re.fullmatch(r"cpu|cuda(?::(\d+))?", device)
    if not named:
        raise ConfigError(f"device is {device!r}; expected auto, cpu, cuda or cuda:N")
    if device == "cpu":
        return torch.device(device), [(_CPU, {})]
    if not on_gpu:
        raise ConfigError(
            f"device is {device!r}; expected auto or cpu: this onnxruntime has only {', '.join(available)}"
        )
    number = int(named[1] or 0)
    options: dict[str, dict[str, Any]] = {
        _TENSORRT: {
            "device_id": number,
            "trt_fp16_enable": half,
            "trt_engine_cache_enable": True,  # building an engine takes minutes
            "trt_engine_cache_path": str(_cache()),
        },
        _CUDA: {"device_id": number},
    }
    return torch.device("cuda", number), [*((name, options[name]) for name in on_gpu), (_CPU, {})]


def _cache() -> Path:
    home = os.environ.get("XDG_CACHE_HOME")
    return (Path(home) if home else Path.home() / ".cache") / "foundation_stereo_ros" / "tensorrt"


def _tensor_facts(tensor: Any) -> TensorFacts:
    sides = tuple(side if isinstance(side, int) else None for side in tensor.shape)
    kind = str(tensor.type).removeprefix("tensor(").removesuffix(")")
    return TensorFacts(tensor.name, sides, {"float": "float32", "double": "float64"}.get(kind, kind))


def _raise_memory(error: Exception) -> None:
    text = str(error)
    wanted = _WANTED.search(text)
    if wanted:
        raise MemoryError(f"tried to allocate {wanted[1]} bytes") from None
    if "bad_alloc" in text or "out of memory" in text.lower():
        raise MemoryError(_reason(error)) from None


def _reason(error: Exception) -> str:
    """The first line of an error, without the numbers before it."""
    line = str(error).strip().splitlines()[0] if str(error).strip() else type(error).__name__
    return line.rpartition(" : ")[2]
