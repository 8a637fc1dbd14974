# SPDX-License-Identifier: Apache-2.0
"""How far a video in a folder was processed, so that an interrupted run can go on.

Beside the results lie ``run.json``, what they were made from and with, and ``run.state``: what the network
remembers, and how many frames were done, after the last keyframe.
"""

from __future__ import annotations

import hashlib
import json
from collections import Counter
from collections.abc import Collection, Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import safetensors
import safetensors.torch
from torch import Tensor

from foundation_stereo_ros.datasets.posed_video import PosedFrame
from foundation_stereo_ros.errors import ConfigError, FileFormatError
from foundation_stereo_ros.estimate.files import FILES
from foundation_stereo_ros.estimate.video.folder import VideoJob, VideoReport, VideoResult
from foundation_stereo_ros.estimate.video.keyframes import Decision
from foundation_stereo_ros.io.documents import parse_json
from foundation_stereo_ros.io.files import atomic_write, read_bytes, read_text, write_json
from foundation_stereo_ros.weights.checkpoint import weights_sha256
from foundation_stereo_ros.weights.shipped import SHIPPED_VIDEO, find_checkpoint

ABOUT, STATE = "run.json", "run.state"
_INPUTS = "inputs"


class Done(NamedTuple):
    """What an interrupted run had done at its last keyframe.

    Attributes:
        report: of the frames up to it.
        memory: what the network remembered.
        written: result files there were.
    """

    report: VideoReport
    memory: tuple[Tensor, ...]
    written: int


class Progress:
    """Notes how far a job is.

    Args:
        folder: of the results.
        job: ready to run: poses checked.
        kinds: of the files for each keyframe.
    """

    def __init__(self, folder: Path, job: VideoJob, kinds: Collection[str]) -> None:
        self._folder = folder
        self._job = job
        self._about = _about(job, kinds)
        self._written = 0

    def begin(self) -> None:
        """Begin anew.

        Raises:
            FileFormatError: the folder cannot be written to.
        """
        (self._folder / STATE).unlink(missing_ok=True)
        write_json(self._folder / ABOUT, self._about)

    def resume(self, again: bool = False) -> None:
        """Let the job go on where the run in the folder stopped; at the beginning where results are missing.

        Args:
            again: compute all again, if it is the run in the folder, for somebody who needs every prediction.

        Raises:
            ConfigError: the results are of other settings or other inputs.
            FileFormatError: what is in the folder cannot be read, or is no run.
            DeviceMemoryError: the device has too little memory.
        """
        path = self._folder / ABOUT
        if path.is_file():
            _check_same(path, parse_json(read_text(path), str(path)), self._about)
        elif any(file for file in self._folder.iterdir() if not file.name.startswith(".")):
            raise FileFormatError(f"{self._folder} has no {ABOUT}; expected results of an interrupted run")
        done = None if again else _read_state(self._folder / STATE)
        if done is None or self._present(self._job.video.frames[: done.report.frames]) != done.written:
            self.begin()
            return
        self._written = done.written
        self._job.catch_up(done.report, done.memory)

    def note(self, result: VideoResult) -> None:
        """Take down that a frame's results are written.

        Raises:
            FileFormatError: the folder cannot be written to.
        """
        if result.prediction is None:
            return
        self._written += self._present([result.frame])
        estimator, report = self._job.estimator, self._job.report
        if estimator.decision is not Decision.KEYFRAME:
            return
        tensors = {str(place): tensor.contiguous() for place, tensor in enumerate(estimator.memory)}
        about = json.dumps({"report": vars(report), "written": self._written})
        with atomic_write(self._folder / STATE) as stream:
            stream.write(safetensors.torch.save(tensors, {"about": about}))

    def _present(self, frames: Sequence[PosedFrame]) -> int:
        ends = (".npz", *(f"_{name}" for name in FILES))
        return sum((self._folder / f"{frame.name}{end}").is_file() for frame in frames for end in ends)


def _read_state(path: Path) -> Done | None:
    """Return what a state file says; None where there is none, or a damaged one."""
    try:
        with safetensors.safe_open(path, "pt") as content:
            about = json.loads(content.metadata()["about"])
            memory = tuple(content.get_tensor(str(place)) for place in range(len(content.keys())))
        report = VideoReport(**about["report"])
        report.refused = Counter(report.refused)
        return Done(report, memory, int(about["written"]))
    except (OSError, safetensors.SafetensorError, ValueError, KeyError, TypeError):
        return None


def _about(job: VideoJob, kinds: Collection[str]) -> dict[str, Any]:
    estimator = job.estimator
    settings = dict(vars(estimator.config))
    del settings["checkpoint"]  # what is in it counts, not where it lies
    return {
        **settings,
        "device": str(estimator.device),
        "precision": str(estimator.dtype).removeprefix("torch."),
        "export": ",".join(sorted(kinds)),
        "weights": weights_sha256(find_checkpoint(estimator.config.checkpoint, SHIPPED_VIDEO)),
        "axes": job.axes or job.video.axes,
        "metres": job.metres,
        "frames": len(job.video.frames),
        _INPUTS: _digest(job),
    }


def _digest(job: VideoJob) -> str:
    """Return a checksum of names, sizes and poses of the images, and of the intrinsics."""
    digest = hashlib.sha256(repr(job.video.intrinsics).encode())
    if job.intrinsics is not None:
        digest.update(read_bytes(job.intrinsics) + job.camera_name.encode())
    for frame in job.video.frames:
        size = frame.path.stat().st_size if frame.path.is_file() else -1
        digest.update(f"{frame.name}\0{size}\0".encode() + frame.pose.tobytes())
    return digest.hexdigest()


def _check_same(path: Path, found: Any, wanted: Mapping[str, Any]) -> None:
    if not isinstance(found, Mapping):
        raise FileFormatError(f"{path} has no settings; expected those of a run")
    for name, value in wanted.items():
        if found.get(name) != value:
            if name == _INPUTS:
                raise ConfigError(
                    f"{path.parent} holds results of other images, poses or intrinsics; expected those"
                )
            raise ConfigError(
                f"{path.parent} holds results with {name} {found.get(name)!r}, and now it is {value!r}; "
                "expected the same settings"
            )
