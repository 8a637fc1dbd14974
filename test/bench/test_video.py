# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import json
from pathlib import Path

import pytest

from foundation_stereo_ros.cli.main import main


def test_a_published_network_beside_its_plain_form(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """The plain form is the sweep told once more, plane by plane: the same depths."""
    file = tmp_path / "figures.json"
    words = ["benchmark", "--system", "video", "--preset", "pairnet", "--size", "64x96", "--repeats", "2"]
    assert main([*words, "--plain", "--device", "cpu", "--json", str(file)]) == 0
    (case,) = json.loads(file.read_text())["cases"]
    assert (case["name"], case["height"], case["width"]) == ("pairnet", 64, 96)
    assert {"keyframe", "features", "network", "depth"} <= set(case["ms"])
    assert case["speedup_over_plain"] > 0
    assert case["difference_relative"] < 1e-3
    said = capsys.readouterr().out
    assert "keyframes a second" in said
    assert "times as long" in said


def test_the_weights_that_ship_are_the_default(capsys: pytest.CaptureFixture[str]) -> None:
    words = ["benchmark", "--system", "video", "--size", "64x96", "--repeats", "1", "--device", "cpu"]
    assert main(words) == 0
    assert capsys.readouterr().out.startswith("lean-video.safetensors, 64 x 96, float32, cpu")


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["--preset", "tiny"], "preset is 'tiny'; expected one of fusionnet, pairnet, lean"),
        (["--plain"], "lean-video.safetensors has no plain form; expected pairnet or fusionnet"),
        (["--iterations", "3"], "--iterations is of stereo pairs; expected none with --system video"),
        (["--size", "60x64"], "size is '60x64'; expected height x width in multiples of 32"),
    ],
)
def test_what_does_not_go_together_is_named(
    words: list[str], message: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["benchmark", "--system", "video", "--device", "cpu", *words]) == 1
    assert message in capsys.readouterr().err
