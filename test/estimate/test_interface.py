# SPDX-License-Identifier: Apache-2.0
"""A second estimator, of a few lines and without a disparity, goes into recordings, live topics and files."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from concurrent.futures import Future
from pathlib import Path
from threading import Condition
from typing import Any

import numpy as np
import pytest
from block_matching import BlockMatching, BlockSettings
from live_messages import CAMERA, PATIENCE_S, PICTURES, TYPES, image, info, wait_until

from foundation_stereo_ros.errors import ConfigError, ImageError
from foundation_stereo_ros.estimate.interface import StereoSample
from foundation_stereo_ros.geometry.camera import StereoRig
from foundation_stereo_ros.ros.bags.job import BagJob
from foundation_stereo_ros.ros.bags.job_options import JobOptions
from foundation_stereo_ros.ros.bags.reader import Recording
from foundation_stereo_ros.ros.bags.storage import decode
from foundation_stereo_ros.ros.bags.writer import BagWriter, StereoRecorder
from foundation_stereo_ros.ros.live.config import StereoLiveConfig
from foundation_stereo_ros.ros.live.core import live_stereo
from foundation_stereo_ros.ros.messages.depth import decode_depth
from foundation_stereo_ros.ros.messages.pipeline import OUTPUTS, StereoPipeline
from foundation_stereo_ros.ros.messages.stereo_topics import find_stereo

RIG = StereoRig(CAMERA, CAMERA, baseline=0.12)
DEPTH = 50.0 * 0.12 / 6  # the pictures are six pixels apart
WITHOUT_DISPARITY = {"depth/image_rect", "depth/camera_info", "points2"}
FILES = {"left.png", "depth.png", "cloud.ply", "result.npz"}


def seen(depth: np.ndarray) -> None:
    """A plane at one depth, wherever there is any."""
    known = depth[np.isfinite(depth)]
    assert known.size > depth.size / 3
    assert np.median(known) == pytest.approx(DEPTH, rel=1e-3)


def test_through_a_recording(tmp_path: Path) -> None:
    with BagWriter(tmp_path / "in.mcap") as writer:
        recorder = StereoRecorder(writer, RIG)
        for number in range(4):
            recorder.add(PICTURES["left"], PICTURES["right"], 10**18 + number * 10**8)
    estimator = BlockMatching()
    with Recording(tmp_path / "in.mcap") as recording, BagWriter(tmp_path / "out.mcap") as writer:
        topics = find_stereo(recording.topics)
        options = JobOptions(namespace="/rig", outputs=tuple(OUTPUTS))
        job = BagJob(recording, topics, StereoPipeline(estimator), writer, options)
        job.run()
    assert (job.report.frames, job.report.rejected, job.report.unmatched) == (3, 0, {"left": 0, "right": 0})
    with Recording(tmp_path / "out.mcap") as recording:
        made = {topic.name for topic in recording.topics if topic.name.startswith("/rig/")}
        depths = [decode_depth(decode(message)) for message in recording.messages(["/rig/depth/image_rect"])]
    assert made == {f"/rig/{name}" for name in WITHOUT_DISPARITY}
    assert len(depths) == 3  # the first pair alone says nothing
    for depth in depths:
        seen(depth)


class Outlet:
    """Somebody who wants everything."""

    def __init__(self) -> None:
        self.messages: list[Mapping[str, Any]] = []
        self._changed = Condition()

    def wanted(self) -> Collection[str]:
        return tuple(OUTPUTS)

    def publish(self, messages: Mapping[str, Any]) -> None:
        with self._changed:
            self.messages.append(messages)
            self._changed.notify_all()

    def wait_for(self, count: int) -> None:
        with self._changed:
            assert self._changed.wait_for(lambda: len(self.messages) >= count, PATIENCE_S)


def test_through_live_topics(tmp_path: Path) -> None:
    estimator, outlet = BlockMatching(), Outlet()
    config = StereoLiveConfig(save_directory=str(tmp_path))
    core = live_stereo(StereoPipeline(estimator), config, TYPES, outlet, lambda: 10**9)

    def push(stamp: int) -> None:
        for side in ("left", "right"):
            core.intake.push_info(side, info(side, stamp, baseline=0.12))
        for side in ("left", "right"):
            core.intake.push_image(side, image(side, stamp))

    core.intake.push_info("left", info("left", 0))
    core.worker.start()
    try:
        wait_until("warm", lambda: core.worker.state != "warming up")
        assert estimator.calls == ["to device", "warm up 60 x 40"]
        push(1)
        wait_until("the first pair is taken", lambda: "step" in estimator.calls)
        saved: Future[list[Path]] = core.worker.save_next()
        push(2)
        outlet.wait_for(1)
        assert {path.name for path in saved.result(PATIENCE_S)} == FILES
        assert set(outlet.messages[0]) == WITHOUT_DISPARITY
        assert outlet.messages[0]["points2"].header.stamp.nanosec == 2
        seen(decode_depth(outlet.messages[0]["depth/image_rect"]))

        core.worker.reconfigure(BlockSettings(z_far=0.5 * DEPTH))
        push(3)
        outlet.wait_for(2)
        assert np.isnan(decode_depth(outlet.messages[1]["depth/image_rect"])).all()
        values = dict(core.status().values)
        assert (values["device"], values["precision"], values["rejected"]) == ("cpu", "int16", "0")
        push(1)
        wait_until("time went back", lambda: "reset" in estimator.calls)
    finally:
        assert core.worker.stop(PATIENCE_S)
    wait_until("at rest", lambda: estimator.calls[-1] == "to host")


def test_through_files(tmp_path: Path) -> None:
    estimator = BlockMatching()
    sample = StereoSample(PICTURES["left"], PICTURES["right"], RIG)
    assert estimator.step(sample) is None
    prediction = estimator.step(sample)
    assert prediction is not None
    assert {path.name for path in prediction.save(tmp_path)} == FILES
    with np.load(tmp_path / "result.npz", allow_pickle=False) as stored:
        assert set(stored) == {"depth", "valid", "K"}
        seen(stored["depth"])
    with pytest.raises(ImageError, match="no disparity"):
        _ = prediction.disparity
    with pytest.raises(ImageError, match="no rig"):
        _ = prediction.rig


def test_the_pipeline_passes_a_reset_on() -> None:
    estimator = BlockMatching()
    pipeline = StereoPipeline(estimator)
    pairs = [
        (image("left", stamp), image("right", stamp), info("left", stamp), info("right", stamp))
        for stamp in range(3)
    ]
    assert pipeline.process(*pairs[0]) is None
    assert pipeline.process(*pairs[1]) is not None
    pipeline.reset()
    assert pipeline.process(*pairs[2]) is None


def test_its_own_settings_are_checked_as_all_are() -> None:
    with pytest.raises(ConfigError, match="window is 3; expected a whole number from 5 to 51 px"):
        BlockSettings(window=3)
    with pytest.raises(ConfigError, match=r"z_near is 5\.0; expected less than z_far"):
        BlockSettings(z_near=5.0, z_far=2.0)
