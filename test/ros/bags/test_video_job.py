# SPDX-License-Identifier: Apache-2.0
"""The job over posed video, where the command line is too far away to look."""

from __future__ import annotations

import gc
import tracemalloc
from pathlib import Path

import pytest
from posed_recordings import (
    DRIFT,
    SECOND,
    START,
    STEP,
    TF,
    Written,
    image_stamps,
    images,
    moving_tf,
    pose_stamps,
    static_tf,
    write_recording,
)
from posed_scenes import small_clip, small_network

from foundation_stereo_ros.errors import BagError
from foundation_stereo_ros.estimate.video.config import VideoSettings
from foundation_stereo_ros.estimate.video.estimator import VideoEstimator
from foundation_stereo_ros.ros.bags.job_options import JobOptions
from foundation_stereo_ros.ros.bags.pose_choice import PoseOptions, choose_poses
from foundation_stereo_ros.ros.bags.reader import Recording
from foundation_stereo_ros.ros.bags.video_job import VideoBagJob
from foundation_stereo_ros.ros.messages.video_pipeline import VideoPipeline
from foundation_stereo_ros.ros.messages.video_topics import find_camera

CLIP = small_clip()
LAP = [static_tf(), *images(CLIP), *moving_tf(CLIP, pose_stamps(CLIP))]
LONG = (image_stamps(CLIP)[-1] - START) + STEP


def job_over(recording: Recording, max_frames: int = 0, **more) -> VideoBagJob:
    settings = VideoSettings(device="cpu", size="64x96")
    topics = find_camera(recording.topics)
    return VideoBagJob(
        recording,
        topics,
        VideoPipeline(VideoEstimator(settings, small_network()), rectified=True),
        choose_poses(recording, topics.image, PoseOptions()),
        None,
        JobOptions("/cam", (), max_frames=max_frames),
        **more,
    )


def laps(count: int) -> list[Written]:
    """Return the clip again and again, as a recording that was played in a loop."""
    return [one._replace(log_time=one.log_time + lap * LONG) for lap in range(count) for one in LAP]


def test_memory_does_not_grow_with_the_recording(tmp_path: Path) -> None:
    short, long = (write_recording(tmp_path / f"{n}.mcap", laps(n)) for n in (2, 10))
    peaks = []
    for source in (short, short, long):
        gc.collect()
        tracemalloc.start()
        with Recording(source) as recording:
            job_over(recording).run()
        peaks.append(tracemalloc.get_traced_memory()[1])
        tracemalloc.stop()
    # Each of the 48 further images has 37 kB, and its depth 49 kB.
    assert peaks[2] - peaks[1] < 48 * 10_000


def test_each_result_comes_with_its_stamp_and_pose(tmp_path: Path) -> None:
    results = []
    with Recording(write_recording(tmp_path / "in.mcap", LAP)) as recording:
        job = job_over(recording, on_result=lambda stamp, pose, made: results.append((stamp, pose)))
        job.run()
    assert [stamp for stamp, _ in results] == image_stamps(CLIP)[1:]
    for (_, pose), true in zip(results, CLIP.poses[1:], strict=True):
        assert DRIFT @ pose == pytest.approx(true, abs=1e-9)  # they are those in odom
    assert (job.counts.posed, job.report.frames, job.report.rejected) == (6, 5, 0)


def test_two_clocks_end_the_job_early(tmp_path: Path) -> None:
    later = 1000 * SECOND
    first = [one for one in LAP if one.msgtype == TF]
    many = []
    for number in range(20):
        for one in images(CLIP):
            one.message.header.stamp.sec += later // SECOND + number * LONG // SECOND
            many.append(one._replace(log_time=one.log_time + number * LONG))
    with Recording(write_recording(tmp_path / "in.mcap", [*first, *many])) as recording:
        job = job_over(recording)
        with pytest.raises(BagError, match=r"the images have stamps from 17000010\d\d.000 to .*, the poses"):
            job.run()
    assert 50 <= job.report.images["image"] < 120


def test_poses_that_were_recorded_before_a_jump_are_not_taken_after_it(tmp_path: Path) -> None:
    """The second lap has no poses of its own, but stamps that those of the first lap have."""
    again = [one._replace(log_time=one.log_time + LONG) for one in images(CLIP)]
    long_way = moving_tf(CLIP, pose_stamps(CLIP))
    with Recording(
        write_recording(tmp_path / "in.mcap", [static_tf(), *long_way, *images(CLIP), *again])
    ) as it:
        job = job_over(it)
        job.run()
    assert (job.counts.posed, job.counts.without_pose.total()) == (6, 6)


def test_as_many_depth_maps_as_wanted(tmp_path: Path) -> None:
    with Recording(write_recording(tmp_path / "in.mcap", laps(3))) as recording:
        job = job_over(recording, max_frames=2)
        job.run()
    assert job.report.frames == 2
