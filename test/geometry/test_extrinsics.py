# SPDX-License-Identifier: Apache-2.0
"""Points that two raw cameras see must come out on one row, or on one column, at their depth."""

from __future__ import annotations

import cv2
import numpy as np
import pytest

from foundation_stereo_ros.errors import CalibrationError
from foundation_stereo_ros.geometry.calibration import upright_or_turned
from foundation_stereo_ros.geometry.extrinsics import RawCamera, rectified_pair

SIZE = (848, 800)
K1 = np.array(((286.0, 0, 421.0), (0, 286.3, 403.0), (0, 0, 1)))
K2 = np.array(((285.5, 0, 428.0), (0, 285.9, 397.0), (0, 0, 1)))
TURN = np.asarray(cv2.Rodrigues(np.array((0.01, -0.02, 0.008)))[0])
LENSES = {
    "equidistant": np.array((-0.0077, 0.0465, -0.0437, 0.0078, 0.0)),
    "plumb_bob": np.array((-0.12, 0.02, 0.0004, -0.0003)),
}


@pytest.mark.parametrize("model", LENSES)
@pytest.mark.parametrize("shift", [(-0.064, 0.001, 0.0005), (0.0008, -0.064, 0.001)])
def test_points_come_out_on_one_row_or_column_at_their_depth(
    model: str, shift: tuple[float, float, float]
) -> None:
    d = LENSES[model]
    fisheye = model == "equidistant"
    cameras = RawCamera(SIZE, K1, model, d), RawCamera(SIZE, K2, model, d)
    pair = rectified_pair(*cameras, TURN, np.array(shift))
    points = np.random.default_rng(0).uniform((-1, -1, 2.0), (1, 1, 3.0), (100, 3))
    library, d = (cv2.fisheye, d[:4]) if fisheye else (cv2, d)
    seen = []
    for found, rotation, translation in (
        (pair.left, np.eye(3), np.zeros(3)),
        (pair.right, TURN, np.array(shift)),
    ):
        own = (points @ rotation.T + translation)[:, None]
        raw, _ = library.projectPoints(own, np.zeros(3), np.zeros(3), found.k, d)
        p = np.ascontiguousarray(found.p[:, :3])
        seen.append(library.undistortPoints(raw, found.k, d, R=found.rotation, P=p)[:, 0])
    rig, turns = upright_or_turned(pair.left, pair.right, image_size=SIZE)
    along = 1 if turns else 0
    assert turns == along and pair.computed
    difference = seen[0] - seen[1]
    np.testing.assert_allclose(difference[:, 1 - along], 0, atol=0.01)
    assert rig.baseline == pytest.approx(np.linalg.norm(shift))
    depth = rig.left.fx * rig.baseline / (difference[:, along] - rig.doffs)
    np.testing.assert_allclose(depth, (points @ pair.left.rotation.T)[:, 2], rtol=2e-3)


def test_cameras_that_are_rectified_stay_as_they_are() -> None:
    left, right = (RawCamera(SIZE, K1 + np.eye(3, k=2) * dx) for dx in (0.0, 7.0))
    pair = rectified_pair(left, right, np.eye(3), np.array((-0.1, 0, 0)))
    assert not pair.computed and not pair.left.needs_rectification
    np.testing.assert_array_equal(pair.right.p, np.hstack((right.k, ((-28.6,), (0,), (0,)))))
    assert rectified_pair(left, right, np.eye(3), np.array((-0.1, 0.001, 0))).computed
    assert rectified_pair(left, RawCamera(SIZE, K2), np.eye(3), np.array((-0.1, 0, 0))).computed


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"right": RawCamera((640, 480), K2)}, "left camera is 848 x 800 and right one 640 x 480"),
        ({"left": RawCamera(SIZE, np.zeros((3, 3)))}, "fx and fy of the left camera are 0 and 0"),
        ({"left": RawCamera(SIZE, K1 * np.nan)}, "fx and fy of the left camera are nan"),
        ({"rotation": 2 * np.eye(3)}, "rotation is .*; expected a rotation matrix"),
        ({"translation": np.zeros(3)}, "expected three metres, not all zero"),
        ({"translation": np.array((np.inf, 0, 0))}, "expected three metres"),
        (
            {"right": RawCamera(SIZE, K2, "equidistant", np.ones(4) / 50)},
            "expected a fisheye twice, or never",
        ),
        ({"right": RawCamera(SIZE, K2, "omni", np.ones(4) / 50)}, "distortion model is 'omni'"),
    ],
)
def test_impossible_cameras_are_refused(changes: dict, words: str) -> None:
    given = {
        "left": RawCamera(SIZE, K1),
        "right": RawCamera(SIZE, K2),
        "rotation": TURN,
        "translation": np.array((-0.1, 0.0, 0.0)),
    }
    with pytest.raises(CalibrationError, match=words):
        rectified_pair(**{**given, **changes})
