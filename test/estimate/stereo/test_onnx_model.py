# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import onnx_models
import pytest
import torch

from foundation_stereo_ros.errors import CheckpointError, ConfigError, ImageError
from foundation_stereo_ros.estimate.stereo import onnx_model
from foundation_stereo_ros.estimate.stereo.onnx_model import (
    ModelFacts,
    OnnxSession,
    TensorFacts,
    choose_providers,
    read_signature,
)

ALL = ["TensorrtExecutionProvider", "CUDAExecutionProvider", "CPUExecutionProvider"]


@pytest.mark.parametrize(
    ("device", "available", "where", "names"),
    [
        ("auto", ["AzureExecutionProvider", "CPUExecutionProvider"], "cpu", ALL[2:]),
        ("auto", ALL, "cuda:0", ALL),
        ("auto", ALL[1:], "cuda:0", ALL[1:]),
        ("cpu", ALL, "cpu", ALL[2:]),
        ("cuda", ALL[1:], "cuda:0", ALL[1:]),
        ("cuda:3", ALL, "cuda:3", ALL),
    ],
)
def test_providers_for_a_device(device: str, available: list[str], where: str, names: list[str]) -> None:
    found, providers = choose_providers(device, available)
    assert found == torch.device(where)
    assert [name for name, _ in providers] == names
    assert all(options["device_id"] == found.index for name, options in providers if name != ALL[2])


@pytest.mark.parametrize("half", [True, False])
def test_tensorrt_alone_may_change_the_arithmetic_and_keeps_its_engines(
    half: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    options = dict(choose_providers("cuda", ALL, half=half)[1])
    assert options[ALL[0]]["trt_fp16_enable"] is half
    assert options[ALL[0]]["trt_engine_cache_path"] == str(tmp_path / "foundation_stereo_ros" / "tensorrt")
    assert options[ALL[1]] == {"device_id": 0} and options[ALL[2]] == {}


@pytest.mark.parametrize("device", ["gpu", "cuda:x", "cpu:1", ""])
def test_an_unknown_device_is_refused(device: str) -> None:
    with pytest.raises(ConfigError, match="expected auto, cpu, cuda or cuda:N"):
        choose_providers(device, ALL)


def test_a_gpu_without_a_provider_is_refused_with_those_there_are() -> None:
    with pytest.raises(ConfigError, match=r"device is 'cuda'; expected auto or cpu: .* only CPUExecution"):
        choose_providers("cuda", ALL[2:])


def test_a_missing_file_is_told() -> None:
    with pytest.raises(CheckpointError, match=r"no weights file at nowhere\.onnx"):
        OnnxSession(Path("nowhere.onnx"))


def test_a_missing_runtime_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "some.onnx"
    path.write_bytes(b"")
    monkeypatch.setattr(onnx_model.importlib.util, "find_spec", lambda name: None)
    with pytest.raises(ConfigError, match=r"some.onnx cannot run without onnxruntime; .* extra 'onnx'"):
        OnnxSession(path)


class TestARealOne:
    @pytest.fixture(autouse=True)
    def _there(self) -> None:
        pytest.importorskip("onnx", reason="extra 'onnx'")
        pytest.importorskip("onnxruntime", reason="extra 'onnx'")

    def test_says_what_it_takes_and_gives(self, tmp_path: Path) -> None:
        path = onnx_models.write_mean_model(
            tmp_path / "m.onnx", shape=("n", 3, "h", 96), kind="FLOAT16", metadata={"by": "me"}
        )
        session = OnnxSession(path)
        assert session.facts.inputs[0] == TensorFacts("left", (None, 3, None, 96), "float16")
        assert session.facts.outputs == (TensorFacts("disparity", (None, 1, None, 96), "float16"),)
        assert session.facts.metadata == {"by": "me"}
        assert session.device == torch.device("cpu")

    def test_a_damaged_file_is_one_line(self, tmp_path: Path) -> None:
        path = tmp_path / "bad.onnx"
        path.write_bytes(b"no model at all")
        with pytest.raises(CheckpointError, match=r"bad\.onnx is damaged or no ONNX model") as refused:
            OnnxSession(path)
        assert "\n" not in str(refused.value)

    def test_images_it_does_not_take_are_one_line(self, tmp_path: Path) -> None:
        session = OnnxSession(onnx_models.write_mean_model(tmp_path / "m.onnx"))
        image = np.zeros((1, 3, 32, 32), np.float32)
        with pytest.raises(ImageError, match=r"m.onnx cannot run on left \(1, 3, 32, 32\), right") as refused:
            session.run("disparity", {"left": image, "right": image})
        assert "\n" not in str(refused.value)

    def test_closed_and_opened_it_computes_the_same(self, tmp_path: Path) -> None:
        session = OnnxSession(onnx_models.write_mean_model(tmp_path / "m.onnx"))
        images = {
            name: np.full((1, 3, 64, 96), value, np.float32) for name, value in (("left", 4), ("right", 2))
        }
        before = session.run("disparity", images)
        session.close()
        session.open()
        np.testing.assert_array_equal(session.run("disparity", images), before)
        assert before[0, 0, 5, 5] == 3.0


@pytest.mark.parametrize(
    "text",
    [
        "BFCArena::AllocateRawInternal Failed to allocate memory for requested buffer of size 1024",
        "std::bad_alloc",
        "CUDA failure 2: out of memory ; GPU=0",
    ],
)
def test_running_out_of_memory_is_known(text: str) -> None:
    with pytest.raises(MemoryError):
        onnx_model._raise_memory(Exception(f"[ONNXRuntimeError] : 6 : RUNTIME_EXCEPTION : {text}"))
    onnx_model._raise_memory(Exception("[ONNXRuntimeError] : 1 : FAIL : something else"))


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
