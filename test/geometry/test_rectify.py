# SPDX-License-Identifier: Apache-2.0
"""Known points are drawn where a lens model puts them, and must come out where P puts them."""

from collections.abc import Callable
from dataclasses import replace

import cv2
import numpy as np
import pytest

from foundation_stereo_ros.errors import CalibrationError, ImageError
from foundation_stereo_ros.geometry.calibration import Calibration
from foundation_stereo_ros.geometry.rectify import Rectifier

SIZE = (320, 240)
K = np.array(((200.0, 0, 165), (0, 205, 118), (0, 0, 1)))
P = np.array(((180.0, 0, 158, -20), (0, 180, 121, 0), (0, 0, 1, 0)))
R = cv2.Rodrigues(np.array((0.02, -0.03, 0.04)))[0]
BLOB = 1.2


def plumb_bob(x: np.ndarray, y: np.ndarray, d: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    k1, k2, p1, p2, k3 = np.pad(d[:5], (0, 5 - len(d[:5])))
    r2 = x * x + y * y
    radial = 1 + k1 * r2 + k2 * r2**2 + k3 * r2**3
    return (
        x * radial + 2 * p1 * x * y + p2 * (r2 + 2 * x * x),
        y * radial + p1 * (r2 + 2 * y * y) + 2 * p2 * x * y,
    )


def rational(x: np.ndarray, y: np.ndarray, d: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    k1, k2, p1, p2, k3, k4, k5, k6 = d
    r2 = x * x + y * y
    radial = (1 + k1 * r2 + k2 * r2**2 + k3 * r2**3) / (1 + k4 * r2 + k5 * r2**2 + k6 * r2**3)
    return (
        x * radial + 2 * p1 * x * y + p2 * (r2 + 2 * x * x),
        y * radial + p1 * (r2 + 2 * y * y) + 2 * p2 * x * y,
    )


def equidistant(x: np.ndarray, y: np.ndarray, d: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    k1, k2, k3, k4 = np.pad(d[:4], (0, 4 - len(d[:4])))
    r = np.hypot(x, y)
    a = np.arctan(r)
    bent = a * (1 + k1 * a**2 + k2 * a**4 + k3 * a**6 + k4 * a**8)
    return x * bent / r, y * bent / r


Lens = Callable[[np.ndarray, np.ndarray, np.ndarray], tuple[np.ndarray, np.ndarray]]
LENSES: list[tuple[str, Lens, tuple[float, ...]]] = [
    ("plumb_bob", plumb_bob, (-0.3, 0.1, 0.002, -0.003, 0.01)),
    ("plumb_bob", plumb_bob, (-0.3, 0.1, 0.002, -0.003)),
    ("plumb_bob", plumb_bob, ()),
    ("none", plumb_bob, (0.0, 0, 0, 0)),
    ("", plumb_bob, ()),
    ("rational_polynomial", rational, (0.1, -0.05, 0.001, -0.002, 0.02, 0.25, 0.05, 0.01)),
    ("equidistant", equidistant, (-0.05, 0.01, -0.004, 0.001)),
    ("equidistant", equidistant, (-0.05, 0.01, -0.004, 0.001, 0.0)),  # as a T265 sends them
    ("plumb_bob", plumb_bob, (-0.3, 0.1, 0.002, -0.003, 0.01, 0.0, 0.0, 0.0)),
    ("equidistant", equidistant, ()),
    ("fisheye", equidistant, (0.1, 0, 0, 0)),
]


def calibration(model: str = "plumb_bob", d: tuple[float, ...] = (), **changes: object) -> Calibration:
    plain = Calibration(*SIZE, model, np.array(d), K, R, P)
    return replace(plain, **changes)


def known_points() -> tuple[np.ndarray, np.ndarray]:
    """Return where the points are seen in the rectified image, and their rays in the raw camera's axes."""
    u, v = (grid.ravel() for grid in np.meshgrid(np.arange(40, 300, 60.0), np.arange(40, 220, 40.0)))
    rays = np.linalg.inv(P[:, :3]) @ np.stack((u, v, np.ones_like(u)))
    return np.stack((u, v), axis=1), R.T @ rays


def draw(positions: np.ndarray, size: tuple[int, int]) -> np.ndarray:
    rows, columns = np.mgrid[: size[1], : size[0]]
    image = np.zeros((size[1], size[0]))
    for x, y in positions:
        image += 250 * np.exp(-((columns - x) ** 2 + (rows - y) ** 2) / (2 * BLOB**2))
    return np.repeat(np.rint(image).clip(0, 255).astype(np.uint8)[..., None], 3, axis=2)


def centre_near(image: np.ndarray, position: np.ndarray) -> np.ndarray:
    x, y = np.rint(position).astype(int)
    window = image[y - 10 : y + 11, x - 10 : x + 11, 1].astype(float)
    rows, columns = np.mgrid[y - 10 : y + 11, x - 10 : x + 11]
    return np.array(((window * columns).sum(), (window * rows).sum())) / window.sum()


@pytest.mark.parametrize(("model", "lens", "d"), LENSES)
def test_known_points_come_out_where_p_puts_them(model: str, lens: Lens, d: tuple[float, ...]) -> None:
    expected, rays = known_points()
    x, y = lens(rays[0] / rays[2], rays[1] / rays[2], np.array(d))
    raw = draw(np.stack((K[0, 0] * x + K[0, 2], K[1, 1] * y + K[1, 2]), axis=1), SIZE)
    rectified = Rectifier(calibration(model, d), SIZE)(raw)
    found = np.array([centre_near(rectified, position) for position in expected])
    np.testing.assert_allclose(found, expected, atol=0.1)


def test_binned_part_of_the_image() -> None:
    expected, rays = known_points()
    d = (-0.2, 0.05, 0, 0, 0)
    x, y = plumb_bob(rays[0] / rays[2], rays[1] / rays[2], np.array(d))
    full = np.stack((K[0, 0] * x + K[0, 2], K[1, 1] * y + K[1, 2]), axis=1)
    part = calibration("plumb_bob", d, roi=(20, 10, 280, 220), binning_x=2, binning_y=2)
    rectified = Rectifier(part, (140, 110))(draw((full - (20, 10)) / 2, (140, 110)))
    for position in (expected - (20, 10)) / 2:
        if (position > 11).all() and (position < (128, 98)).all():
            window = rectified[int(position[1]) - 5 : int(position[1]) + 7, :, 1]
            rows, columns = np.nonzero(window == window[:, int(position[0]) - 4 : int(position[0]) + 6].max())
            near = abs(columns - position[0]) < 5
            assert abs(columns[near].mean() - position[0]) < 1
            assert abs(rows[near].mean() + int(position[1]) - 5 - position[1]) < 1


def test_a_grey_image_and_a_view_are_fine() -> None:
    rectifier = Rectifier(calibration(), SIZE)
    image = np.random.default_rng(0).integers(0, 256, (240, 320, 3), dtype=np.uint8)
    np.testing.assert_array_equal(rectifier(image[..., 0]), rectifier(image)[..., 0])
    np.testing.assert_array_equal(rectifier(image[..., ::-1]), rectifier(image)[..., ::-1])


def test_outside_of_the_raw_image_is_black() -> None:
    wide = calibration(p=P * np.array((0.5, 0.5, 1))[:, None])
    rectified = Rectifier(wide, SIZE)(np.full((240, 320, 3), 200, np.uint8))
    assert (rectified[-1, -1] == 0).all()
    assert (rectified[60, 80] == 200).all()


@pytest.mark.parametrize(
    ("found", "words"),
    [
        (calibration("double_sphere", (0.1, 0.2)), "'double_sphere'; expected one of plumb_bob"),
        (calibration("none", (0.1,)), "'none' has 1 coefficients; expected 0"),
        (calibration("plumb_bob", (0.1,) * 8), "'plumb_bob' has 8 coefficients; expected 0 or 4 or 5"),
        (calibration("equidistant", (0.1,) * 5), "expected 0 or 4"),
        (calibration("equidistant", (0.1, 0, 0, 0, 0.2)), "has 5 coefficients; expected 0 or 4"),
        (calibration(r=2 * R), "R is .*; expected a rotation matrix"),
        (calibration(r=np.diag((1.0, 1.0, -1.0))), "expected a rotation matrix"),
        (calibration(k=np.zeros((3, 3))), "fx and fy of K are 0 and 0"),
        (calibration(p=np.zeros((3, 4))), "fx and fy of P are 0 and 0"),
        (calibration(width=100), "calibration is for 100 x 240"),
    ],
)
def test_calibrations_that_cannot_be_used(found: Calibration, words: str) -> None:
    with pytest.raises(CalibrationError, match=words):
        Rectifier(found, SIZE)


def test_another_size_is_refused() -> None:
    with pytest.raises(ImageError, match="image is 319 x 240 pixels; expected 320 x 240"):
        Rectifier(calibration(), SIZE)(np.zeros((240, 319, 3), np.uint8))
