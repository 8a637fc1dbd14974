# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from foundation_stereo_ros.geometry.camera import StereoRig
from foundation_stereo_ros.geometry.plausibility import oddities

SIZE = (640, 480)


def rig(fx: float = 500.0, baseline: float = 0.1, **changes: float) -> StereoRig:
    return StereoRig.from_focal_length(fx, baseline, SIZE, **changes)


@pytest.mark.parametrize(
    ("odd", "words"),
    [
        (rig(baseline=60.0), "baseline is 60 m, which is unusual: are these millimetres?"),
        (rig(baseline=7.5), "baseline is 7.5 m, which is unusual: are these centimetres?"),
        (rig(baseline=0.00012), "baseline is 0.00012 m, which is unusual: are these kilometres?"),
        (rig(baseline=1e-7), r"is its unit the metre\? \(P\[3\] is -fx \* baseline .* here -5e-05\)"),
        (rig(fx=3.2), "fx = 3.2 and fy = 3.2 pixels for an image of 640 x 480.*are they in pixels"),
        (rig(fx=500.0, fy=50.0), "fx = 500 and fy = 50"),
        (rig(cx=640, cy=480), r"\(640, 480\) in an image of 640 x 480.*for images of about 1280 x 960\?"),
        (rig(cx=160, cy=120), r"\(160, 120\).*for images of about 320 x 240\?"),
        (rig(cx=9000), r"\(9000, 239\.5\), far outside of an image of 640 x 480"),
        (rig(cy=-2000), r"\(319\.5, -2000\), far outside"),
    ],
)
def test_what_is_unusual_is_told_with_the_value_and_a_guess(odd: StereoRig, words: str) -> None:
    with pytest.raises(AssertionError, match=words):
        assert not oddities(odd), oddities(odd)[0]


def test_a_right_camera_of_its_own_is_looked_at_too() -> None:
    assert [text[:12] for text in oddities(rig(cx=320, cx_right=3000))] == ["right camera"]


@given(
    st.floats(0.3, 30), st.floats(0.004, 4), st.floats(-0.3, 0.3), st.floats(-0.3, 0.3), st.floats(-0.1, 0.1)
)
def test_usual_rigs_are_not(focal: float, baseline: float, x: float, y: float, right: float) -> None:
    """Endoscopes and trucks, telephoto and wide lenses, principal points up to 30 % off the middle."""
    width, height = SIZE
    cx, cy = (0.5 + x) * width, (0.5 + y) * height
    found = oddities(rig(focal * width, baseline, cx=cx, cy=cy, cx_right=cx + right * width))
    # Both coordinates at 0.6 or 1.7 of the middle's are those of an image of another size.
    both = abs(x - y) < 0.2 and not -0.15 < x < 0.3
    assert not found or both


def test_none_of_the_calibrations_of_known_cameras_is_unusual() -> None:
    """KITTI, Middlebury, ETH3D, RealSense, ZED and OAK cameras, as their makers give them."""
    known = [
        ((1242, 375), 721.5377, 0.5327, {"cx": 609.5593, "cy": 172.854}),
        ((1226, 370), 707.0912, 0.537, {"cx": 601.8873, "cy": 183.1104}),
        ((741, 500), 994.978, 0.193, {"cx": 311.193, "cy": 254.877, "cx_right": 342.279}),
        ((2880, 1988), 3979.911, 0.193001, {"cx": 1244.772, "cy": 1019.507, "cx_right": 1369.115}),
        ((941, 490), 541.764, 0.0599, {"cx": 553.869, "cy": 232.396}),
        ((848, 480), 425.6, 0.0501, {"cx": 424.9, "cy": 239.4}),
        ((1280, 720), 699.015, 0.12, {"cx": 626.75, "cy": 360.94}),
        ((640, 400), 400.0, 0.075, {"cx": 331.0, "cy": 191.0}),
        ((848, 800), 286.0, 0.064, {"cx": 424.0, "cy": 400.0}),
        ((752, 480), 435.2, 0.11, {"cx": 367.4, "cy": 252.2}),
        ((960, 540), 754.668, 0.063, {"cx": 489.379, "cy": 265.16}),
    ]
    for size, fx, baseline, rest in known:
        assert oddities(StereoRig.from_focal_length(fx, baseline, size, **rest)) == (), size
