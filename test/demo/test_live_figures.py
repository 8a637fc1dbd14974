# SPDX-License-Identifier: Apache-2.0
"""Known times of results, in a recorder's file, against what the demonstration says of them."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from foundation_stereo_ros.demo.live import live_figures, received
from foundation_stereo_ros.demo.recording import NAMESPACE
from foundation_stereo_ros.errors import WireError
from foundation_stereo_ros.geometry.camera import Camera, StereoRig
from foundation_stereo_ros.ros.bags.writer import BagWriter
from foundation_stereo_ros.ros.messages.camera_info import encode_camera_info
from foundation_stereo_ros.ros.messages.cdr import (
    CAMERA_INFO,
    DISPARITY_IMAGE,
    IMAGE,
    POINT_CLOUD,
    message_types,
)
from foundation_stereo_ros.ros.messages.depth import encode_depth
from foundation_stereo_ros.ros.messages.disparity import encode_disparity
from foundation_stereo_ros.ros.messages.point_cloud import encode_points

WRITTEN = 1_800_000_000 * 10**9
MS = 10**6


@pytest.fixture
def heard(tmp_path: Path) -> Path:
    """Pairs 0 to 4, written a second apart, whose last result came after 100, 200, 300, 400, 500 ms."""
    path = tmp_path / "live.mcap"
    camera = Camera(32, 24, fx=30.0, fy=30.0, cx=15.5, cy=11.5)
    values = np.ones((24, 32), np.float32)
    types = message_types()
    with BagWriter(path) as writer:
        for number in range(5):
            header = types.Header(stamp=types.Time(sec=number, nanosec=7), frame_id="camera")
            stereo = StereoRig(camera, camera, 0.1)
            made = {
                "disparity": (
                    DISPARITY_IMAGE,
                    encode_disparity(types, header, values, values > 0, stereo, 0.1, 9.0),
                ),
                "points2": (
                    POINT_CLOUD,
                    encode_points(
                        types, header, np.ones((24, 32, 3), np.float32), np.ones((24, 32, 3), np.uint8)
                    ),
                ),
                "depth/image_rect": (IMAGE, encode_depth(types, header, values)),
                "depth/camera_info": (CAMERA_INFO, encode_camera_info(types, header, camera)),
            }
            end = written(number) + (number + 1) * 100 * MS
            for (name, (msgtype, message)), early in zip(made.items(), (3, 0, 2, 1), strict=True):
                writer.write(f"{NAMESPACE}/{name}", msgtype, message, end - early * MS)
        # The first of the results of a pair whose others never came.
        header = types.Header(stamp=types.Time(sec=5, nanosec=7), frame_id="camera")
        info = encode_camera_info(types, header, camera)
        writer.write(f"{NAMESPACE}/depth/camera_info", CAMERA_INFO, info, written(5) + MS)
    return path


def written(number: int) -> int:
    return WRITTEN + number * 10**9


def stamp(number: int) -> int:
    return number * 10**9 + 7


def pairs(*numbers: int) -> dict[int, int]:
    return {stamp(number): written(number) for number in numbers}


def test_the_last_result_counts_and_incomplete_pairs_do_not(heard: Path) -> None:
    assert received(heard) == {stamp(n): written(n) + (n + 1) * 100 * MS for n in range(5)}


def test_medians_of_the_pairs_that_were_played(heard: Path) -> None:
    figures = live_figures(heard, pairs(0, 1, 2, 3, 4), 0.25)
    assert (figures.played, figures.results, figures.network) == (5, 5, 0.25)
    assert figures.p50 == pytest.approx(0.3) and figures.p95 == pytest.approx(0.48)
    assert str(figures) == (
        "300 ms from writing a pair to having all its results, of which the network takes 250 ms "
        "(medians; p95 480 ms; 5 pairs, one after the other)"
    )
    assert live_figures(heard, pairs(1), None).p95 == pytest.approx(0.2)


def test_the_network_is_not_told_where_it_is_of_other_pairs(heard: Path) -> None:
    figures = live_figures(heard, pairs(0, 5), 0.25)
    assert (figures.played, figures.results, figures.network) == (2, 1, None)
    assert str(figures) == (
        "100 ms from writing a pair to having all its results (medians; p95 100 ms; 1 pair of 2, "
        "one after the other)"
    )


def test_a_file_without_results_or_with_earlier_ones_is_refused(heard: Path) -> None:
    with pytest.raises(WireError, match="of 1 pair no result came over the wire"):
        live_figures(heard, pairs(5), None)
    with pytest.raises(WireError, match="clock was set back"):
        live_figures(heard, {**pairs(0, 1), stamp(2): written(3)}, None)
