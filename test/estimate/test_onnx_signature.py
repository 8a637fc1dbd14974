# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import json
from typing import Any

import pytest

from foundation_stereo_ros.errors import CheckpointError
from foundation_stereo_ros.estimate.onnx_model import ModelFacts, TensorFacts
from foundation_stereo_ros.estimate.onnx_signature import read_signature

IMAGE = (1, 3, 320, 736)
OWN = {
    "foundation_stereo_ros": "0.1.0",
    "iterations": "5",
    "config": json.dumps({"max_disp": 128}),
}


def facts(
    inputs: tuple[str, ...] = ("left", "right"),
    shape: tuple[int | None, ...] = IMAGE,
    kind: str = "float32",
    outputs: tuple[TensorFacts, ...] = (TensorFacts("disparity", (1, 1, 320, 736), "float32"),),
    **metadata: str,
) -> ModelFacts:
    return ModelFacts(tuple(TensorFacts(name, shape, kind) for name in inputs), outputs, metadata)


@pytest.mark.parametrize(
    ("names", "left", "right"),
    [
        (("left", "right"), "left", "right"),
        (("right_image", "left_image"), "left_image", "right_image"),
        (("imgLeft", "other"), "imgLeft", "other"),
        (("other", "inputRight"), "other", "inputRight"),
        (("inputRight", "other"), "other", "inputRight"),
    ],
)
def test_images_are_told_apart_by_their_names(names: tuple[str, str], left: str, right: str) -> None:
    found = read_signature(facts(names), "rgb255")
    assert (found.left, found.right, found.guesses) == (left, right, ())


def test_images_without_such_names_come_left_first_and_that_is_said() -> None:
    found = read_signature(facts(("image1", "image2")), "rgb1")
    assert (found.left, found.right) == ("image1", "image2")
    assert found.guesses == ("it does not name its left image: taken for image1, the first one",)


def test_a_model_of_this_package_tells_everything() -> None:
    found = read_signature(facts(**OWN))
    assert (found.colours, found.iterations, found.max_disp, found.guesses) == ("rgb255", 5, 128, ())
    assert (found.sides.height, found.sides.width, found.type) == (320, 736, "float32")


def test_a_foreign_model_is_guessed_to_take_imagenets_colours_unless_told() -> None:
    found = read_signature(facts())
    assert (found.colours, found.iterations, found.max_disp) == ("imagenet", None, None)
    assert found.guesses == ("it does not say which colours it takes: taken for imagenet (onnx_input)",)
    assert read_signature(facts(), "rgb255").guesses == ()
    assert read_signature(facts(kind="uint8")).colours == "rgb255"


def test_sides_may_be_any() -> None:
    free = TensorFacts("out", (None, None, None), "float16")
    found = read_signature(facts(shape=(None, 3, None, 736), outputs=(free,)))
    assert (found.sides.height, found.sides.width, found.output) == (None, 736, "out")


def test_of_several_outputs_the_disparity_is_taken() -> None:
    confidence = TensorFacts("confidence", (1, 1, 320, 736), "float32")
    disparity = TensorFacts("pred_disp", (1, 320, 736), "float32")
    assert read_signature(facts(outputs=(confidence, disparity))).output == "pred_disp"


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"inputs": ("left",)}, "its inputs are left .1 x 3 x 320 x 736.; expected two images"),
        ({"inputs": ("left", "right", "iterations")}, "iterations .* expected two images"),
        ({"shape": (1, 320, 736, 3)}, "input left .1 x 320 x 736 x 3.; expected 1 x 3 x height x width"),
        ({"shape": (2, 3, 320, 736)}, "expected 1 x 3 x height x width"),
        ({"shape": (320, 736)}, "expected 1 x 3 x height x width"),
        ({"shape": ()}, "expected 1 x 3 x height x width"),
        ({"kind": "int64"}, "left is int64; expected one of float32, float16"),
        ({"outputs": ()}, "its outputs are none; expected one disparity"),
        (
            {"outputs": (TensorFacts("a", IMAGE, "float32"), TensorFacts("b", IMAGE, "float32"))},
            "its outputs are a .*, b .*; expected one disparity",
        ),
        (
            {"outputs": (TensorFacts("disp", (1, 1, 80, 184), "float32"),)},
            "output disp .1 x 1 x 80 x 184.; expected 1 x 1 x 320 x 736",
        ),
        ({"outputs": (TensorFacts("disp", IMAGE, "float32"),)}, "output disp .* expected 1 x 1"),
        ({"outputs": (TensorFacts("disp", (1, 320, 736), "int64"),)}, "output disp is int64"),
        ({"foundation_stereo_ros": "9", "iterations": "many"}, "metadata are not those of a model"),
    ],
)
def test_what_is_no_stereo_model_is_refused_in_one_line(changes: dict[str, Any], words: str) -> None:
    with pytest.raises(CheckpointError, match=words) as refused:
        read_signature(facts(**changes))
    assert "\n" not in str(refused.value)


def test_images_of_different_kinds_are_refused() -> None:
    two = (TensorFacts("left", IMAGE, "float32"), TensorFacts("right", (1, 3, 320, 64), "float32"))
    with pytest.raises(CheckpointError, match="left is float32 320 x 736 and right is float32 320 x 64"):
        read_signature(facts()._replace(inputs=two))
