# SPDX-License-Identifier: Apache-2.0
"""The job with the real pipeline, where the command line is too far away to look."""

from __future__ import annotations

import gc
import tracemalloc
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch

from foundation_stereo_ros.errors import BagError
from foundation_stereo_ros.estimate.config import PipelineConfig
from foundation_stereo_ros.estimate.stereo.estimator import StereoEstimator
from foundation_stereo_ros.nets.stereo import FoundationStereo, NetworkConfig
from foundation_stereo_ros.ros.bags.job import BagJob
from foundation_stereo_ros.ros.bags.job_options import JobOptions, JobReport
from foundation_stereo_ros.ros.bags.reader import Recording
from foundation_stereo_ros.ros.bags.storage import decode
from foundation_stereo_ros.ros.bags.writer import BagWriter
from foundation_stereo_ros.ros.messages.cdr import CAMERA_INFO
from foundation_stereo_ros.ros.messages.pipeline import MAIN_OUTPUTS, StereoPipeline
from foundation_stereo_ros.ros.messages.stereo_topics import find_stereo

Record = Callable[..., Path]


@pytest.fixture(scope="module")
def pipeline() -> StereoPipeline:
    torch.manual_seed(0)
    model = FoundationStereo(NetworkConfig.preset("tiny"))
    return StereoPipeline(StereoEstimator(PipelineConfig(device="cpu", iterations=1), model), rectified=True)


def process(source: Path, out: Path, pipeline: StereoPipeline, namespace: str = "/rig") -> JobReport:
    with Recording(source) as recording, BagWriter(out, force=True) as writer:
        options = JobOptions(namespace=namespace, outputs=MAIN_OUTPUTS)
        job = BagJob(recording, find_stereo(recording.topics), pipeline, writer, options)
        job.run()
    return job.report


def test_memory_does_not_grow_with_the_recording(record: Record, tmp_path, pipeline) -> None:
    out = tmp_path / "out.mcap"
    # Written in chunks of a frame each, for a chunk is read as a whole.
    short, long = (
        rewritten(record("mcap", frames=n, name=f"of{n}"), tmp_path / f"{n}.mcap", list) for n in (5, 25)
    )
    process(short, out, pipeline)
    peaks = []
    for source in (short, long):
        gc.collect()
        tracemalloc.start()
        process(source, out, pipeline)
        peaks.append(tracemalloc.get_traced_memory()[1])
        tracemalloc.stop()
    # Each of the 20 further frames has 37 kB of inputs and 147 kB of outputs; the index takes about 2 kB.
    assert peaks[1] - peaks[0] < 20 * 10_000


def rewritten(source: Path, target: Path, order: Callable[[list], list]) -> Path:
    """Copy a recording with its messages in another order and, if need be, other times."""
    with Recording(source) as recording, BagWriter(target) as writer:
        for number, message in enumerate(order(list(recording.messages()))):
            writer.copy(message._replace(log_time=1 + number, publish_time=1 + number))
            if number % 4 == 0:
                writer.flush()
    return target


def test_calibration_only_once_and_late(record: Record, tmp_path, pipeline) -> None:
    def order(messages):
        images = [m for m in messages if m.topic.msgtype != CAMERA_INFO]
        infos = [m for m in messages if m.topic.msgtype == CAMERA_INFO][-2:]
        return images + infos

    source = rewritten(record("mcap", frames=8), tmp_path / "late.mcap", order)
    out = tmp_path / "out.mcap"
    assert process(source, out, pipeline).frames == 8
    with Recording(out) as recording:
        found = [decode(message) for message in recording.messages(["/rig/depth/camera_info"])]
    assert len({message.header.stamp.nanosec for message in found}) == 8


def test_results_have_the_log_time_of_the_last_message_they_needed(
    record: Record, tmp_path, pipeline
) -> None:
    def order(messages):
        infos = [m for m in messages if m.topic.msgtype == CAMERA_INFO]
        others = [m for m in messages if m.topic.msgtype != CAMERA_INFO]
        # The calibrations come after the next pair's images.
        return [*others[:5], *infos[:2], *others[5:7], *infos[2:4], *others[7:], *infos[4:]]

    source = rewritten(record("mcap", frames=3), tmp_path / "late.mcap", order)
    out = tmp_path / "out.mcap"
    assert process(source, out, pipeline).frames == 3
    with Recording(out) as recording:
        messages = list(recording.messages())
    needed: dict[int, int] = {}
    for message in messages:
        if message.topic.name.startswith(("/rig/left", "/rig/right")):
            stamp = decode(message).header.stamp.nanosec
            needed[stamp] = max(message.log_time, needed.get(stamp, 0))
    found = {decode(m).header.stamp.nanosec: m.log_time for m in messages if m.topic.name == "/rig/disparity"}
    assert found == needed


def test_a_recording_whose_time_goes_back_is_processed_to_its_end(
    record: Record, tmp_path, pipeline, monkeypatch
) -> None:
    done: list[str] = []
    for name in ("reset", "process"):
        call = getattr(pipeline, name)
        monkeypatch.setattr(pipeline, name, lambda *a, n=name, call=call: [done.append(n), call(*a)][1])
    source = rewritten(record("mcap", frames=3), tmp_path / "laps.mcap", lambda messages: messages * 2)
    report = process(source, tmp_path / "out.mcap", pipeline)
    assert done == [*["process"] * 3, "reset", *["process"] * 3]
    assert (report.frames, report.rejected) == (6, 0)
    assert report.unmatched == {"left": 0, "right": 0}


def test_without_a_pair_the_nearest_stamps_are_told(record: Record, tmp_path, pipeline) -> None:
    def order(messages):
        left = [m for m in messages if m.topic.name == "/rig/left/image_rect"]
        right = [m for m in messages if m.topic.name == "/rig/right/image_rect"]
        return [m for m in messages if m not in (*left[1:], right[0])]

    source = rewritten(record("mcap", frames=3), tmp_path / "apart.mcap", order)
    with pytest.raises(
        BagError, match=r"no pair with the same stamp .* nearest stamps are 0\.100000 s apart"
    ):
        process(source, tmp_path / "out.mcap", pipeline)


def test_report_counts_what_has_no_counterpart(record: Record, tmp_path, pipeline) -> None:
    def order(messages):
        right = [m for m in messages if m.topic.name == "/rig/right/image_rect"]
        return [m for m in messages if m not in (right[1], right[4])]

    source = rewritten(record("mcap", frames=5), tmp_path / "holes.mcap", order)
    report = process(source, tmp_path / "out.mcap", pipeline)
    assert report.frames == 3
    assert report.images == {"left": 5, "right": 3}
    assert report.unmatched == {"left": 2, "right": 0}
    assert report.rejected == 0
    assert report.seconds > 0


def test_damaged_message_is_rejected(record: Record, tmp_path, pipeline) -> None:
    def order(messages):
        half = [m for m in messages if m.topic.name == "/rig/left/image_rect"][2]
        return [m._replace(data=m.data[:1000]) if m is half else m for m in messages]

    source = rewritten(record("mcap", frames=5), tmp_path / "half.mcap", order)
    report = process(source, tmp_path / "out.mcap", pipeline)
    assert (report.frames, report.rejected) == (4, 1)
    assert "a damaged sensor_msgs/msg/Image on /rig/left/image_rect" in report.reason


def test_hopeless_recording_is_given_up(record: Record, tmp_path, pipeline) -> None:
    def order(messages):
        return [m._replace(data=m.data[:100]) if "left/image" in m.topic.name else m for m in messages]

    source = rewritten(record("mcap", frames=70), tmp_path / "bad.mcap", order)
    with Recording(source) as recording, BagWriter(tmp_path / "out.mcap") as writer:
        options = JobOptions(namespace="", outputs=MAIN_OUTPUTS)
        job = BagJob(recording, find_stereo(recording.topics), pipeline, writer, options)
        with pytest.raises(BagError, match="none of 50 frames could be processed"):
            job.run()


def test_result_is_that_of_the_pipeline(record: Record, tmp_path, pipeline) -> None:
    source, out = record("mcap", frames=1), tmp_path / "out.mcap"
    process(source, out, pipeline)
    with Recording(source) as recording:
        one = {m.topic.name: decode(m) for m in recording.messages()}
    names = ("left/image_rect", "right/image_rect", "left/camera_info", "right/camera_info")
    expected = pipeline.process(*(one[f"/rig/{name}"] for name in names))
    with Recording(out) as recording:
        (disparity,) = (decode(m) for m in recording.messages(["/rig/disparity"]))
        (depth,) = (decode(m) for m in recording.messages(["/rig/depth/image_rect"]))
    assert disparity.t == pytest.approx(0.1)
    np.testing.assert_array_equal(depth.data.view("<f4").reshape(64, 96), expected.depth)
