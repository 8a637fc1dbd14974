# SPDX-License-Identifier: Apache-2.0
"""The demonstration step by step: record, process, run live, compare with the exact depth, walk, draw."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import torch

from foundation_stereo_ros.demo.figures import compare
from foundation_stereo_ros.demo.live import try_live
from foundation_stereo_ros.demo.recording import record
from foundation_stereo_ros.demo.report import summary, write_pages
from foundation_stereo_ros.demo.walk import walk
from foundation_stereo_ros.errors import counted
from foundation_stereo_ros.estimate.prediction import Prediction
from foundation_stereo_ros.estimate.stereo.estimator import StereoEstimator
from foundation_stereo_ros.estimate.stereo.rectification import says_rectified
from foundation_stereo_ros.ros.bags.job import BagJob
from foundation_stereo_ros.ros.bags.job_options import JobOptions, JobReport
from foundation_stereo_ros.ros.bags.reader import Recording
from foundation_stereo_ros.ros.bags.writer import BagWriter
from foundation_stereo_ros.ros.messages.pipeline import MAIN_OUTPUTS, StereoPipeline
from foundation_stereo_ros.ros.messages.stereo_topics import find_stereo
from foundation_stereo_ros.terminal import FrameProgress, Interrupts

Say = Callable[[str], None]


def demonstrate(
    folder: Path, frames: int, size: tuple[int, int], estimator: StereoEstimator, live: bool, say: Say
) -> str:
    """Do all of it, and return what there is to see.

    Args:
        folder: to write to; files of an earlier demonstration are replaced.
        frames: stereo pairs.
        size: width and height of the pictures.
        estimator: makes the result.
        live: whether to run player, node and recorder over DDS.
        say: gets a sentence before each step.

    Raises:
        BagError, FileFormatError: a file cannot be written.
    """
    recording, result, wire = (folder / name for name in ("stereo.mcap", "stereo_depth.mcap", "live.mcap"))
    render(recording, frames, size, estimator.device, say, step="1/6  ")
    say(f"2/6  disparity, depth and points of the recording: {result}")
    report, seconds = _process(recording, result, estimator, frames)
    say(f"3/6  live, from a player over the node to a recorder, by DDS: {wire}")
    if live:
        heard = try_live(recording, wire, estimator.config, say)
    else:
        heard = None
        say("     skipped, as asked for")
    say("4/6  reading the result back and comparing it with the exact depth")
    with FrameProgress(report.frames) as progress:
        figures = compare(result, estimator.config, on_frame=progress.step)
    say(f"5/6  posed video: twelve real images of one camera: {folder / 'walk.ply'}")
    walked = walk(folder, estimator.device)
    say("6/6  drawing every stage")
    written = write_pages(folder, result, figures, report, seconds, estimator, walked, heard)
    return summary(figures, report, seconds, written, estimator, folder, heard)


def render(
    path: Path,
    frames: int,
    size: tuple[int, int],
    device: torch.device,
    say: Say,
    *,
    step: str = "",
    whole_round: bool = False,
) -> None:
    """Make the recording alone; see `recording.record`."""
    say(f"{step}rendering {counted(frames, 'stereo pair')} of {size[0]} x {size[1]} pixels: {path}")
    with FrameProgress(frames) as progress:
        record(path, frames, size, device, whole_round=whole_round, on_frame=progress.step)


def _process(
    recording_path: Path, result_path: Path, estimator: StereoEstimator, frames: int
) -> tuple[JobReport, float]:
    """Do what ``foundation_stereo bag`` does; returns its report and the network's seconds for one frame."""
    outputs = MAIN_OUTPUTS + (("confidence",) if estimator.config.confidence else ())
    seconds: list[float] = []
    with (
        Recording(recording_path) as recording,
        Interrupts() as interrupts,
        BagWriter(result_path, force=True) as writer,
        FrameProgress(frames) as progress,
    ):

        def on_frame(number: int, result: Prediction) -> None:
            seconds.append(result.seconds["network"] + result.seconds.get("consistency", 0.0))
            progress.step()

        topics = find_stereo(recording.topics)
        pipeline = StereoPipeline(estimator, says_rectified(topics.left))
        options = JobOptions(topics.namespace, outputs)
        job = BagJob(
            recording, topics, pipeline, writer, options, shield=interrupts.shield, on_frame=on_frame
        )
        job.run()
    # The median: the first frame also pays for what is set up once.
    return job.report, sorted(seconds)[len(seconds) // 2]
