# SPDX-License-Identifier: Apache-2.0
"""Every command: it never writes to what it reads or what another job writes, and takes no empty name."""

from __future__ import annotations

import argparse
import importlib
import os
import shutil
from collections.abc import Iterator
from contextlib import AbstractContextManager
from pathlib import Path
from typing import NamedTuple

import cv2
import numpy as np
import pytest
from dataset_trees import user_folder

from foundation_stereo_ros.cli.main import COMMANDS, main
from foundation_stereo_ros.cli.options import OUTPUTS, output
from foundation_stereo_ros.geometry.camera import Camera, StereoRig
from foundation_stereo_ros.io.outputs import reserved, reserved_folder
from foundation_stereo_ros.ros.bags.writer import BagWriter, StereoRecorder
from foundation_stereo_ros.weights.shipped import shipped_checkpoint

CAMERA = Camera(96, 64, fx=80.0, fy=80.0, cx=47.5, cy=31.5)


@pytest.fixture
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder, the current one, with an input of every kind."""
    monkeypatch.chdir(tmp_path)
    random = np.random.default_rng(0)
    left = random.integers(0, 256, (64, 96, 3), dtype=np.uint8)
    for name in ("ride.mcap", "cut.partial.mcap", "folder/folder_0.mcap"):
        with BagWriter(tmp_path / name) as writer:
            StereoRecorder(writer, StereoRig(CAMERA, CAMERA, 0.1)).add(left, left, 10**9)
    for side in ("left", "right"):
        cv2.imwrite(f"{side}.png", left)
    user_folder(tmp_path / "pairs")
    shutil.copy(shipped_checkpoint("tiny"), "tiny.safetensors")
    Path("run").mkdir()
    shutil.copy("tiny.safetensors", "run/weights.safetensors")
    Path("train.yaml").write_text("steps: 1\n")
    return tmp_path


PAIR = ("pair", "left.png", "right.png", "--fx=80", "--baseline=0.1", "--force")
EVALUATE = ("evaluate", "--dataset=folder", "--root=pairs")
CURATE = ("curate", "--seeds=1", "--workers=0", "--quiet", "--config=train.yaml")
TRAIN = ("train", "--quiet", "--config=train.yaml")
ONTO_ITS_INPUT = {
    "bag": ("ride.mcap", "bag ride.mcap -o OUT --force"),
    "bag, as it grows": ("cut.partial.mcap", "bag cut.partial.mcap -o cut.mcap --force"),
    "bag, another input as it grows": ("cut.partial.mcap", "bag OUT -o cut.mcap --force"),
    "bag of a folder": ("folder/folder_0.mcap", "bag folder -o OUT --force"),
    "pair": ("left.png", f"{' '.join(PAIR)} --export=png"),
    "pair, its folder": ("left.png", f"{' '.join(PAIR)} -o ."),
    "evaluate": ("pairs/left/one.png", f"{' '.join(EVALUATE)} --json OUT"),
    "evaluate, its truth": ("pairs/disparity/two.pfm", f"{' '.join(EVALUATE)} --json OUT"),
    "export": ("tiny.safetensors", "export --checkpoint=tiny.safetensors --onnx OUT --force"),
    "convert": ("tiny.safetensors", "weights convert tiny.safetensors OUT --force"),
    "compact": ("tiny.safetensors", "weights compact tiny.safetensors OUT"),
    "curate": ("tiny.safetensors", f"{' '.join(CURATE)} --checkpoint tiny.safetensors -o OUT"),
    "curate, its config": ("train.yaml", f"{' '.join(CURATE)} --checkpoint tiny.safetensors -o OUT"),
    "train": ("run/weights.safetensors", f"{' '.join(TRAIN)} --from run/weights.safetensors -o run"),
    "benchmark": ("tiny.safetensors", "benchmark --checkpoint tiny.safetensors --json OUT"),
}


@pytest.mark.parametrize("link", ["", "symlink", "hard link"])
@pytest.mark.parametrize("what", ONTO_ITS_INPUT)
def test_what_it_reads_stays_as_it_is(
    place: Path, capsys: pytest.CaptureFixture[str], what: str, link: str
) -> None:
    name, words = ONTO_ITS_INPUT[what]
    original = place / name
    if link and "OUT" not in words:
        pytest.skip("its output has a name of its own")
    written = original.with_name(f"link{original.suffix}") if link else original
    if link == "symlink":
        written.symlink_to(original)
    elif link:
        os.link(original, written)
    before = {path: path.read_bytes() for path in place.rglob("*") if path.is_file()}
    assert main([str(written) if word == "OUT" else word for word in words.split()]) == 1
    said = capsys.readouterr().err
    assert "is an input" in said and said.count("\n") == 1
    assert {path: path.read_bytes() for path in place.rglob("*") if path.is_file()} == before


def test_no_recording_grows_by_its_result(place: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["bag", "folder", "-o", "folder/../folder/new.mcap"]) == 1
    assert "would belong to the recording folder" in capsys.readouterr().err
    assert [path.name for path in Path("folder").iterdir()] == ["folder_0.mcap"]


def test_folders_are_no_files(place: Path, capsys: pytest.CaptureFixture[str]) -> None:
    for name in (".", "/", "..", "pairs", "pairs/"):
        assert main(["benchmark", "--json", name]) == 1
        assert "is a folder; expected the name of a file" in capsys.readouterr().err
        assert main(["bag", "ride.mcap", "-o", name, "--force"]) == 1
        assert "is a folder; expected the name of a file" in capsys.readouterr().err


def test_shipped_weights_are_never_replaced(place: Path, capsys: pytest.CaptureFixture[str]) -> None:
    for name in ("tiny", "lean"):
        path = shipped_checkpoint(name)
        assert main(["weights", "convert", "tiny.safetensors", str(path), "--force"]) == 1
        assert "is an input" in capsys.readouterr().err


class Job(NamedTuple):
    """A command, and the places that it takes."""

    words: str
    files: tuple[str, ...] = ()
    folders: tuple[str, ...] = ()


JOBS = {
    "bag": Job("bag ride.mcap -o out.mcap --force", files=("out.mcap",)),
    "bag, by the name as it grows": Job("bag ride.mcap -o x.mcap --force", files=("x.partial.mcap",)),
    "bag, its files": Job("bag ride.mcap -o out.mcap --export png --force", folders=("out_frames",)),
    "bag, its folder": Job("bag ride.mcap -o o.mcap --export png --export-dir d --force", folders=("d",)),
    "record": Job("record -o out.mcap --force", files=("out.mcap",)),
    "pair": Job(f"{' '.join(PAIR)} -o out", folders=("out",)),
    "evaluate": Job(f"{' '.join(EVALUATE)} -o out", folders=("out",)),
    "evaluate, figures": Job(f"{' '.join(EVALUATE)} --json out.json", files=("out.json",)),
    "export": Job("export --checkpoint=tiny --onnx out.onnx --force", files=("out.onnx",)),
    "convert": Job("weights convert tiny.safetensors o.safetensors --force", files=("o.safetensors",)),
    "compact": Job("weights compact tiny.safetensors o.safetensors", files=("o.safetensors",)),
    "curate": Job(f"{' '.join(CURATE)} --checkpoint tiny.safetensors -o out", files=("out",)),
    "train": Job(f"{' '.join(TRAIN)} -o out", folders=("out",)),
    "benchmark": Job("benchmark --json out.json", files=("out.json",)),
    "demo": Job("demo -o out", folders=("out",)),
    "demo, recording": Job("demo --recording out.mcap", files=("out.mcap",)),
}


def held(job: Job) -> Iterator[AbstractContextManager[None]]:
    yield from (reserved(Path(name)) for name in job.files)
    yield from (reserved_folder(Path(name)) for name in job.folders)


@pytest.mark.parametrize("name", JOBS)
def test_the_second_job_on_a_place_is_refused(
    place: Path, capsys: pytest.CaptureFixture[str], name: str
) -> None:
    if name == "record":
        pytest.importorskip("cyclonedds", reason="Cyclone DDS has no wheels for this Python or machine")
    job = JOBS[name]
    for lock in held(job):
        with lock:
            before = sorted(place.rglob("*"))
            assert main(job.words.split()) == 1
            said = capsys.readouterr().err
            assert "another job is writing" in said and said.count("\n") == 1
            assert sorted(place.rglob("*")) == before


def arguments() -> Iterator[tuple[str, argparse.Action]]:
    for name in COMMANDS:
        parser = argparse.ArgumentParser()
        importlib.import_module(f"foundation_stereo_ros.cli.{name}").add_arguments(parser)
        parsers = [parser]
        for one in parsers:
            for action in one._actions:
                if isinstance(action, argparse._SubParsersAction):
                    parsers += action.choices.values()
                else:
                    yield name, action


def test_all_paths_are_told_apart() -> None:
    """What is not listed as an output is kept as an input; what is listed takes no empty name."""
    paths = [(name, action) for name, action in arguments() if action.type in (Path, output)]
    assert len({name for name, action in paths if action.type is output}) == 13
    for name, action in paths:
        assert (action.dest in OUTPUTS) == (action.type is output), (name, action.dest)


@pytest.mark.parametrize("words", ["bag ride.mcap -o", "record -o", f"{' '.join(PAIR)} -o", "export --onnx"])
def test_an_empty_name_is_no_output(place: Path, capsys: pytest.CaptureFixture[str], words: str) -> None:
    for empty in ("", "  "):
        assert main([*words.split(), empty]) == 2
        assert "expected the name of a file or a folder" in capsys.readouterr().err
    assert sorted(path.name for path in place.iterdir()) == sorted(
        ["cut.partial.mcap", "folder", "left.png", "pairs", "ride.mcap", "right.png", "run",
         "tiny.safetensors", "train.yaml"]
    )  # fmt: skip


def test_a_pair_replaces_results_only_with_force(place: Path, capsys: pytest.CaptureFixture[str]) -> None:
    words = [*PAIR[:-1], "-o", "out", "--export=png,npz", "--device=cpu"]
    assert main(words) == 0
    before = Path("out/depth.png").read_bytes()
    capsys.readouterr()
    assert main([*words, "--scale=0.5"]) == 1
    said = capsys.readouterr().err
    assert said == "error: out/left.png exists already; use another output, or replace it (--force)\n"
    assert Path("out/depth.png").read_bytes() == before
    # Other kinds of files are beside them.
    assert main([*words[:-2], "--export=ply", "--device=cpu"]) == 0
    assert main([*words, "--scale=0.5", "--force"]) == 0
    assert Path("out/depth.png").read_bytes() != before
    assert not [path for path in Path("out").iterdir() if path.name.startswith(".")]


def test_frames_of_a_recording_are_replaced_only_with_force(
    place: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    words = ["bag", "ride.mcap", "--export=png", "--export-dir=frames", "--device=cpu"]
    assert main([*words, "-o", "one.mcap"]) == 0
    capsys.readouterr()
    assert main([*words, "-o", "two.mcap"]) == 1
    assert "frames/000000_left.png exists already" in capsys.readouterr().err
    assert not Path("two.mcap").exists()
    assert main([*words, "-o", "two.mcap", "--force"]) == 0
