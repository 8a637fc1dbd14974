# SPDX-License-Identifier: Apache-2.0
"""Rigs that are possible, but unusual enough that a unit or a size is probably wrong."""

from __future__ import annotations

from foundation_stereo_ros.geometry.camera import Camera, StereoRig

_BASELINE_M = (0.001, 5.0)
"""Endoscopes have 4 mm, trucks 3 m; a rig on a mast or a ship may be wider."""

_FOCAL = (0.05, 100.0)
"""Focal lengths in image widths: 168 and 0.6 degrees."""

_ASPECT = 3.0
"""Ratio of the focal lengths; binning along one axis alone makes it 2."""

_SIZES = (0.6, 1.7)
"""The principal point in halves of the image."""


def oddities(rig: StereoRig) -> tuple[str, ...]:
    """Return what is unusual about a rig, sentences with the value and a guess; nearly always none."""
    guesses = (
        _of_baseline(rig.baseline, rig.left.fx),
        *(f"{name} camera's {guess}" for name, guess in _of_cameras(rig) if guess),
    )
    return tuple(guess for guess in guesses if guess)


def _of_cameras(rig: StereoRig) -> list[tuple[str, str]]:
    return [("left", _of_camera(rig.left)), ("right", _of_camera(rig.right) if rig.right != rig.left else "")]


def _of_baseline(baseline: float, fx: float) -> str:
    low, high = _BASELINE_M
    if baseline > high:
        unit = "centimetres" if baseline < 20 else "millimetres"
        return f"baseline is {baseline:g} m, which is unusual: are these {unit}?"
    if baseline < low:
        guess = "are these kilometres?" if low <= 1000 * baseline <= high else "is its unit the metre?"
        # P[3] without fx is as frequent, and looks the same.
        return (
            f"baseline is {baseline:g} m, which is unusual: {guess} (P[3] is -fx * baseline in pixels times "
            f"metres, here {-fx * baseline:g})"
        )
    return ""


def _of_camera(camera: Camera) -> str:
    width, height = camera.width, camera.height
    if not _FOCAL[0] <= camera.fx / width <= _FOCAL[1] or not 1 / _ASPECT <= camera.fx / camera.fy <= _ASPECT:
        return (
            f"focal lengths are fx = {camera.fx:g} and fy = {camera.fy:g} pixels for an image of {width} x "
            f"{height}, which is unusual: are they in pixels?"
        )
    x, y = 2 * camera.cx / width, 2 * camera.cy / height
    if abs(x - y) < 0.2 * x and not _SIZES[0] <= x <= _SIZES[1]:
        size = f"{round(x * width, -1):g} x {round(y * height, -1):g}"
        return (
            f"principal point is ({camera.cx:g}, {camera.cy:g}) in an image of {width} x {height} pixels, "
            f"which is unusual: is the calibration for images of about {size}?"
        )
    if not (-width <= camera.cx <= 2 * width and -height <= camera.cy <= 2 * height):
        return (
            f"principal point is ({camera.cx:g}, {camera.cy:g}), far outside of an image of {width} x "
            f"{height} pixels, which is unusual: is the calibration this camera's?"
        )
    return ""
