# SPDX-License-Identifier: Apache-2.0
"""What a stereo model in an ONNX file takes and gives, read from its inputs, outputs and metadata."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import NamedTuple

from foundation_stereo_ros.errors import CheckpointError
from foundation_stereo_ros.estimate.onnx_model import ModelFacts, TensorFacts

OWN = "foundation_stereo_ros"
"""Metadata of the models that this package writes; they take RGB from 0 to 255."""

TYPES = ("float32", "float16", "float64", "uint8")


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
        return int(metadata["iterations"]), int(json.loads(metadata["config"])["max_disp"])
    except (KeyError, TypeError, ValueError) as error:
        raise CheckpointError(f"its metadata are not those of a model of this package: {error!r}") from None


def _sides(image: TensorFacts) -> Sides:
    return Sides(*image.shape[-2:]) if len(image.shape) >= 2 else Sides(None, None)


def _listed(tensors: tuple[TensorFacts, ...]) -> str:
    shapes = (" x ".join("any" if side is None else str(side) for side in x.shape) for x in tensors)
    return ", ".join(f"{x.name} ({shape})" for x, shape in zip(tensors, shapes, strict=True)) or "none"
