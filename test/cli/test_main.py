# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import argparse
import os
import subprocess
import sys
from pathlib import Path

import cv2
import numpy as np
import pytest

from foundation_stereo_ros import __version__
from foundation_stereo_ros.cli import options
from foundation_stereo_ros.cli.main import COMMANDS, main
from foundation_stereo_ros.estimate.config import PipelineConfig, settings
from foundation_stereo_ros.geometry.camera import Camera, StereoRig
from foundation_stereo_ros.ros.bags.writer import BagWriter, StereoRecorder

ROOT = Path(__file__).parents[2]


@pytest.mark.parametrize("words", [["--help"], *([name, "--help"] for name in COMMANDS)])
def test_every_help_comes_without_torch(words: list[str]) -> None:
    script = (
        "import sys; from foundation_stereo_ros.cli.main import main; code = main(sys.argv[1:]);"
        "sys.exit(code or (9 if 'torch' in sys.modules else 0))"
    )
    done = subprocess.run(
        [sys.executable, "-c", script, *words], cwd=ROOT, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout.startswith("usage: foundation_stereo")


HEAP = """
import sys
from foundation_stereo_ros.estimate import heap
heap.keep_freed_memory = lambda: print("torch" in sys.modules)
from foundation_stereo_ros.cli.main import main
sys.exit(main(sys.argv[1:]))
"""


@pytest.mark.parametrize(
    "words",
    [
        ["bag", "absent.mcap", "-o", "new.mcap"],
        ["pair", "absent.png", "absent.png"],
        ["evaluate", "--dataset", "folder", "--root", "absent"],
        ["demo", "--device", "absent"],
        ["match", "absent.png", "absent.png", "-o", "new"],
        ["scene", "absent", "-o", "new"],
    ],
)
def test_commands_that_compute_keep_freed_memory_before_torch_is_loaded(words: list[str]) -> None:
    done = subprocess.run(
        [sys.executable, "-c", HEAP, *words], cwd=ROOT, capture_output=True, text=True, check=False
    )
    assert (done.returncode, done.stdout) == (1, "False\n"), done.stderr


def test_the_help_names_every_command(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["--help"]) == 0
    text = capsys.readouterr().out
    assert all(name in text for name in COMMANDS)


def test_the_version_is_the_packages(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["--version"]) == 0
    assert capsys.readouterr().out == f"foundation_stereo {__version__}\n"


@pytest.mark.parametrize("words", [[], ["nonsense"], ["pair"], ["pair", "a.png", "b.png", "--scale", "7"]])
def test_wrong_usage_is_2(words: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    assert main(words) == 2
    error, pointer = capsys.readouterr().err.splitlines()
    assert error.startswith("error: ")
    command = " ".join(["foundation_stereo", *words[:1]]) if words[:1] == ["pair"] else "foundation_stereo"
    assert pointer == f"{command} --help lists the options"


def test_the_package_can_be_run_as_a_module(capfd: pytest.CaptureFixture[str]) -> None:
    done = subprocess.run([sys.executable, "-m", "foundation_stereo_ros", "--version"], cwd=ROOT, check=False)
    assert (done.returncode, capfd.readouterr().out) == (0, f"foundation_stereo {__version__}\n")
    done = subprocess.run([sys.executable, "-m", "foundation_stereo_ros", "nonsense"], cwd=ROOT, check=False)
    assert done.returncode == 2


NO_OPEN3D = """
import sys
sys.modules["open3d"] = None
from foundation_stereo_ros.cli.main import main
code = main(sys.argv[1:])
sys.exit(code if "foundation_stereo_ros.estimate.stereo.estimator" not in sys.modules else 9)
"""


@pytest.mark.parametrize(
    "words",
    [
        ["bag", "BAG", "-o", "new.mcap"],
        ["pair", "absent.png", "absent.png"],
        ["demo", "-o", "demo"],
    ],
)
def test_open3d_is_missed_before_anything_is_computed(words: list[str], tmp_path: Path) -> None:
    with BagWriter(tmp_path / "in.mcap") as writer:
        camera = Camera(32, 32, 30.0, 30.0, 15.5, 15.5)
        StereoRecorder(writer, StereoRig(camera, camera, 0.1)).add(*np.zeros((2, 32, 32, 3), np.uint8), 1)
    words = [str(tmp_path / "in.mcap") if word == "BAG" else word for word in words]
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    done = subprocess.run(
        [sys.executable, "-c", NO_OPEN3D, *words, "--outlier-radius", "0.1"],
        cwd=tmp_path,
        env=environment,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 1, done.stderr
    assert "open3d" in done.stderr.lower() and "Traceback" not in done.stderr
    assert [path.name for path in tmp_path.iterdir()] == ["in.mcap"]


def test_a_value_out_of_range_is_refused_with_the_range(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["pair", "a.png", "b.png", "--scale", "7"]) == 2
    assert "argument --scale: scale is 7.0; expected a number from 0.1 to 2" in capsys.readouterr().err
    assert main(["pair", "a.png", "b.png", "--iterations", "many"]) == 2
    assert "'many'; expected a whole number from 0 to 128" in capsys.readouterr().err


def test_an_error_is_one_line_and_1(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["pair", "nowhere.png", "b.png", "--fx", "1", "--baseline", "1"]) == 1
    captured = capsys.readouterr()
    assert captured.out == ""
    assert captured.err == "error: cannot read nowhere.png: No such file or directory\n"


def test_every_setting_has_a_flag_and_its_default_stays_in_one_place() -> None:
    parser = argparse.ArgumentParser()
    options.add_pipeline_options(parser)
    assert options.pipeline_config(parser.parse_args([])) == PipelineConfig()
    assert vars(parser.parse_args([])) == {}
    words: list[str] = []
    expected = {}
    for setting in settings():
        flag = setting.name.replace("_", "-")
        if setting.type is bool:
            words.append(f"--no-{flag}" if setting.default else f"--{flag}")
            expected[setting.name] = not setting.default
        else:
            value = (
                setting.choices[-1] if setting.choices else {int: 3, float: 0.25, str: "cpu"}[setting.type]
            )
            words += [f"--{flag}", str(value)]
            expected[setting.name] = value
    assert vars(parser.parse_args(words)) == expected
    assert (
        options.pipeline_config(parser.parse_args([*words, "--z-far", "2", "--outlier-radius", "0"])).z_far
        == 2.0
    )


def test_ctrl_c_is_130(tmp_path: Path) -> None:
    """The signal comes while the command loads PyTorch, which takes longer."""
    image = tmp_path / "left.png"
    cv2.imwrite(str(image), np.zeros((480, 640, 3), np.uint8))
    code = (
        "import os, signal, sys, threading, time\n"
        "from foundation_stereo_ros.cli.main import main\n"
        "def interrupt():\n"
        "    while 'torch' not in sys.modules: time.sleep(0.001)\n"
        "    os.kill(os.getpid(), signal.SIGINT)\n"
        "threading.Thread(target=interrupt, daemon=True).start()\n"
        "sys.exit(main(sys.argv[1:]))"
    )
    words = ["pair", str(image), str(image), "--fx", "500", "--baseline", "0.1", "-o", str(tmp_path / "out")]
    ended = subprocess.run(
        [sys.executable, "-c", code, *words], cwd=ROOT, capture_output=True, text=True, timeout=60
    )
    assert ended.returncode == 130
    assert ended.stderr == "interrupted\n"
