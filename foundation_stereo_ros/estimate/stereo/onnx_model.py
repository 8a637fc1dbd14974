# SPDX-License-Identifier: Apache-2.0
"""A model in ONNX Runtime, which is met here alone; and how a stereo model among them is called.

That is read from the model's inputs, outputs and metadata.
"""

from __future__ import annotations

import importlib.util
import logging
import os
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt
import torch

from foundation_stereo_ros.errors import CheckpointError, ConfigError, FileFormatError, ImageError
from foundation_stereo_ros.estimate.stereo.onnx_file import check_onnx_file
from foundation_stereo_ros.io.documents import parse_json

OWN = "foundation_stereo_ros"
"""Metadata of the models that this package writes; they take RGB from 0 to 255."""

TYPES = ("float32", "float16", "float64", "uint8")

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
        if not path.exists():
            raise CheckpointError(f"no weights file at {path}")
        if importlib.util.find_spec("onnxruntime") is None:
            raise ConfigError(
                f"{path.name} cannot run without onnxruntime; expected the extra 'onnx' of this package"
            )
        check_onnx_file(path)
        self.device = torch.device("cpu")
        self._session: Any = self._load()
        try:
            self.facts = ModelFacts(
                tuple(map(_tensor_facts, self._session.get_inputs())),
                tuple(map(_tensor_facts, self._session.get_outputs())),
                dict(self._session.get_modelmeta().custom_metadata_map),
            )
        except UnicodeDecodeError:
            raise CheckpointError(f"{path} has names that are no text; expected an undamaged model") from None

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


class Sides(NamedTuple):
    """Rows and columns of a model's images; None: any."""

    height: int | None
    width: int | None

    def __str__(self) -> str:
        return " x ".join("any" if side is None else str(side) for side in self)


@dataclass(frozen=True)
class StereoSignature:
    """How to call a model.

    Attributes:
        left, right: inputs, 1 x 3 x H x W, RGB.
        output: disparity in pixels, 1 x 1 x H x W, 1 x H x W or H x W.
        type: of the images, one of `TYPES`.
        sides: of the images.
        colours: ``rgb255`` (0 to 255), ``rgb1`` (0 to 1) or ``imagenet`` (less the mean, divided by the
            deviation).
        iterations: refinements that are built in; None: not said.
        max_disp: largest disparity in pixels; None: not said.
        guesses: sentences on what the model does not say.
    """

    left: str
    right: str
    output: str
    type: str
    sides: Sides
    colours: str
    iterations: int | None
    max_disp: int | None
    guesses: tuple[str, ...]


def read_signature(facts: ModelFacts, colours: str = "auto") -> StereoSignature:
    """Find out how to call a model.

    Args:
        facts: what it says of itself.
        colours: one of those of `StereoSignature`; ``auto``: as the metadata say, otherwise ``imagenet``.

    Raises:
        CheckpointError: it is no stereo model that takes two colour images and gives one disparity.
    """
    left, right, guess = _images(facts.inputs)
    sides = _sides(left)
    for image in (left, right):
        _check_image(image)
        if (image.type, _sides(image)) != (left.type, sides):
            raise CheckpointError(
                f"{left.name} is {left.type} {sides} and {right.name} is {right.type} {_sides(right)}; "
                "expected the same type and size"
            )
    guesses = [guess] if guess else []
    if colours == "auto":
        own = OWN in facts.metadata or left.type == "uint8"
        colours = "rgb255" if own else "imagenet"
        if not own:
            guesses.append("it does not say which colours it takes: taken for imagenet (onnx_input)")
    iterations, max_disp = _own_facts(facts.metadata)
    output = _disparity(facts.outputs, sides)
    return StereoSignature(
        left.name, right.name, output.name, left.type, sides, colours, iterations, max_disp, tuple(guesses)
    )


def _images(inputs: tuple[TensorFacts, ...]) -> tuple[TensorFacts, TensorFacts, str]:
    if len(inputs) != 2:
        raise CheckpointError(f"its inputs are {_listed(inputs)}; expected two images, left and right")
    first, second = inputs
    lefts, rights = ([side in x.name.lower() for x in inputs] for side in ("left", "right"))
    if lefts == [True, False] or rights == [False, True]:
        return first, second, ""
    if lefts == [False, True] or rights == [True, False]:
        return second, first, ""
    return first, second, f"it does not name its left image: taken for {first.name}, the first one"


def _check_image(image: TensorFacts) -> None:
    shape = image.shape
    if len(shape) != 4 or shape[0] not in (1, None) or shape[1] != 3:
        raise CheckpointError(f"its input {_listed((image,))}; expected 1 x 3 x height x width")
    if image.type not in TYPES:
        raise CheckpointError(f"its input {image.name} is {image.type}; expected one of {', '.join(TYPES)}")


def _disparity(outputs: tuple[TensorFacts, ...], sides: Sides) -> TensorFacts:
    named = [output for output in outputs if "disp" in output.name.lower()]
    found = outputs if len(outputs) == 1 else named
    if len(found) != 1:
        raise CheckpointError(f"its outputs are {_listed(outputs)}; expected one disparity")
    (output,) = found
    leading, last = output.shape[:-2], output.shape[-2:]
    flat = len(last) == 2 and len(leading) <= 2 and all(side in (1, None) for side in leading)
    if not flat or any(a is not None and b is not None and a != b for a, b in zip(last, sides, strict=True)):
        raise CheckpointError(f"its output {_listed((output,))}; expected 1 x 1 x {sides}")
    if not output.type.startswith("float"):
        raise CheckpointError(f"its output {output.name} is {output.type}; expected a float type")
    return output


def _own_facts(metadata: Mapping[str, str]) -> tuple[int | None, int | None]:
    """Refinements and largest disparity, which only this package's own models tell."""
    if OWN not in metadata:
        return None, None
    try:
        iterations = int(metadata["iterations"])
        max_disp = int(parse_json(metadata["config"], "config")["max_disp"])
    except (LookupError, TypeError, ValueError, OverflowError, FileFormatError):
        raise CheckpointError("its metadata are not those of a model of this package") from None
    if not (0 < iterations <= 1000 and 0 < max_disp <= 4096):
        raise CheckpointError(
            f"its metadata say {iterations} iterations and max_disp {max_disp}; expected up to 1000 and 4096"
        )
    return iterations, max_disp


def _sides(image: TensorFacts) -> Sides:
    return Sides(*image.shape[-2:]) if len(image.shape) >= 2 else Sides(None, None)


def _listed(tensors: tuple[TensorFacts, ...]) -> str:
    shapes = (" x ".join("any" if side is None else str(side) for side in x.shape) for x in tensors)
    return ", ".join(f"{x.name} ({shape})" for x, shape in zip(tensors, shapes, strict=True)) or "none"
