# SPDX-License-Identifier: Apache-2.0
"""One raw stereo rig, known in all its numbers, in the files of every format that can tell it."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import yaml

SIZE = (672, 376)
K1 = np.array(((350.0, 0, 330.5), (0, 351.5, 190.25), (0, 0, 1)))
K2 = np.array(((348.0, 0, 341.0), (0, 349.0, 184.5), (0, 0, 1)))
D1 = np.array((-0.17, 0.027, 0.0005, -0.0003, 0.001))
D2 = np.array((-0.16, 0.025, -0.0004, 0.0002, 0.0015))
TURN = np.array((0.006, -0.011, 0.004))
R = np.asarray(cv2.Rodrigues(TURN)[0])
T = np.array((-0.12, 0.0011, -0.0007))
"""A point p of the left camera is R @ p + T in the right one, metres."""

BASELINE = float(np.linalg.norm(T))


def storage(path: Path, values: dict[str, Any]) -> Path:
    """Write a file by OpenCV's FileStorage; its suffix says which kind."""
    writer = cv2.FileStorage(str(path), cv2.FILE_STORAGE_WRITE)
    for name, value in values.items():
        writer.write(name, value)
    writer.release()
    return path


def written(path: Path, text: str) -> Path:
    path.write_text(text, encoding="utf-8")
    return path


INTRINSICS = {"K1": K1, "D1": D1, "K2": K2, "D2": D2}
EXTRINSICS = {"R": R, "T": T[:, None]}


def opencv(suffix: str) -> Callable[[Path], list[Path]]:
    return lambda folder: [storage(folder / f"stereo{suffix}", {**INTRINSICS, **EXTRINSICS})]


def opencv_other_names(folder: Path) -> list[Path]:
    names = {"K1": "cameraMatrix1", "D1": "distCoeffs1", "K2": "cameraMatrix2", "D2": "distCoeffs2"}
    values = {names[name]: value for name, value in INTRINSICS.items()}
    return [
        storage(
            folder / "stereo.yml", {"image_width": SIZE[0], "image_height": SIZE[1], **values, **EXTRINSICS}
        )
    ]


def opencv_two_files(folder: Path) -> list[Path]:
    names = {"K1": "M1", "D1": "D1", "K2": "M2", "D2": "D2"}
    values = {names[name]: value for name, value in INTRINSICS.items()}
    return [storage(folder / "intrinsics.yml", values), storage(folder / "extrinsics.yml", EXTRINSICS)]


def opencv_rectified(folder: Path) -> list[Path]:
    r1, r2, p1, p2, *_ = cv2.stereoRectify(K1, D1, K2, D2, SIZE, R, T[:, None], alpha=0)
    names = {"K1": "LEFT.K", "D1": "LEFT.D", "K2": "RIGHT.K", "D2": "RIGHT.D"}
    lines = ["%YAML:1.0", "# as in ORB-SLAM2's EuRoC.yaml", "Camera.fps: 20.0  # Hz"]
    values = {names[name]: value for name, value in INTRINSICS.items()}
    values |= {"LEFT.R": r1, "RIGHT.R": r2, "LEFT.P": p1, "RIGHT.P": p2}
    for name, value in values.items():
        rows, columns = value.reshape(-1, value.shape[-1]).shape
        lines += [f"{name}: !!opencv-matrix", f"   rows: {rows}", f"   cols: {columns}", "   dt: d"]
        lines += [f"   data: {value.ravel().tolist()}"]
    return [written(folder / "orb.yaml", "\n".join(lines))]


def kalibr(folder: Path) -> list[Path]:
    pose = np.vstack((np.hstack((R, T[:, None])), (0, 0, 0, 1)))
    cameras = {
        f"cam{number}": {
            "cam_overlaps": [1 - number],
            "camera_model": "pinhole",
            "distortion_coeffs": d[:4].tolist(),
            "distortion_model": "radtan",
            "intrinsics": [k[0, 0], k[1, 1], k[0, 2], k[1, 2]],
            "resolution": list(SIZE),
            "rostopic": f"/cam{number}/image_raw",
        }
        for number, (k, d) in enumerate(((K1, D1), (K2, D2)))
    }
    cameras["cam1"]["T_cn_cnm1"] = pose.tolist()
    text = yaml.safe_dump(json.loads(json.dumps(cameras, default=float)))
    return [written(folder / "camchain.yaml", "# Kalibr\n" + text)]


def euroc(folder: Path) -> list[Path]:
    """The body's axes are others than any camera's."""
    body = np.eye(4)
    body[:3, :3] = cv2.Rodrigues(np.array((0.3, -0.2, 1.5)))[0]
    body[:3, 3] = (0.1, -0.2, 0.3)
    pose = np.vstack((np.hstack((R, T[:, None])), (0, 0, 0, 1)))
    paths = []
    for number, (k, d, t_bs) in enumerate(((K1, D1, body), (K2, D2, body @ np.linalg.inv(pose)))):
        values = {
            "sensor_type": "camera",
            "T_BS": {"cols": 4, "rows": 4, "data": t_bs.ravel().tolist()},
            "resolution": list(SIZE),
            "camera_model": "pinhole",
            "intrinsics": [float(k[0, 0]), float(k[1, 1]), float(k[0, 2]), float(k[1, 2])],
            "distortion_model": "radial-tangential",
            "distortion_coefficients": d[:4].tolist(),
        }
        paths.append(written(folder / f"sensor{number}.yaml", "%YAML 1.2\n---\n" + yaml.safe_dump(values)))
    return paths


def zed(folder: Path) -> list[Path]:
    lines = []
    for side, k, d in (("LEFT", K1, D1), ("RIGHT", K2, D2)):
        numbers = (k[0, 0], k[1, 1], k[0, 2], k[1, 2], *d[:2], d[2], d[3], d[4])
        names = ("fx", "fy", "cx", "cy", "k1", "k2", "p1", "p2", "k3")
        for mode, factor in (("HD", 2.0), ("VGA", 1.0)):
            lines.append(f"[{side}_CAM_{mode}]")
            scales = [factor] * 4 + [1.0] * 5
            lines += [f"{n}={v * s!r}" for n, v, s in zip(names, map(float, numbers), scales, strict=True)]
    x, y, z = -1000 * T
    lines += ["[STEREO]", f"Baseline={x}", f"TY={y}", f"TZ={z}"]
    for mode in ("HD", "VGA"):
        lines += [
            f"{axis}_{mode}={float(value)}" for axis, value in zip(("RX", "CV", "RZ"), TURN, strict=True)
        ]
    return [written(folder / "SN1234.conf", "\r\n".join(lines))]


def zed_of_old(folder: Path) -> list[Path]:
    """Small letters, and translations for each mode."""
    text = zed(folder)[0].read_text().lower().replace("ty=", "ty_vga=").replace("tz=", "tz_vga=")
    return [written(folder / "old.conf", text)]


def oak_camera(k: np.ndarray, d: np.ndarray, rotation: np.ndarray, translation: np.ndarray, to: int) -> dict:
    return {
        "cameraType": 0,
        "distortionCoeff": [*d.tolist(), *([0.0] * 9)],
        "extrinsics": {
            "rotationMatrix": rotation.tolist(),
            "specTranslation": {"x": 0.0, "y": 0.0, "z": 0.0},
            "toCameraSocket": to,
            "translation": dict(zip("xyz", (100 * translation).tolist(), strict=True)),
        },
        "height": SIZE[1],
        "intrinsicMatrix": k.tolist(),
        "lensPosition": 0,
        "width": SIZE[0],
    }


def oak(folder: Path) -> list[Path]:
    """Linked from left to right, and from there to the colour camera."""
    colour = oak_camera(K1, D1, np.zeros((3, 3)), np.zeros(3), -1)
    left, right = oak_camera(K1, D1, R, T, 2), oak_camera(K2, D2, np.eye(3), np.array((0.06, 0, 0)), 0)
    content = {"boardName": "OAK-D", "cameraData": [[0, colour], [1, left], [2, right]]}
    return [written(folder / "oak.json", json.dumps(content, indent=1))]


def oak_by_the_middle(folder: Path) -> list[Path]:
    """Both cameras linked to the colour camera."""
    middle = np.array((-0.05, 0.002, 0.001))  # of a point of the left camera in the colour camera's axes
    colour = oak_camera(K1, D1, np.zeros((3, 3)), np.zeros(3), -1)
    left = oak_camera(K1, D1, np.eye(3), middle, 0)
    right = oak_camera(K2, D2, R.T, middle - R.T @ T, 0)
    content = {"cameraData": [[1, left], [2, right], [0, colour]]}
    content["stereoRectificationData"] = {"leftCameraSocket": 1, "rightCameraSocket": 2}
    return [written(folder / "oak.json", json.dumps(content))]


def realsense(folder: Path) -> list[Path]:
    cameras = {}
    for name, k, d in (("infra1", K1, D1), ("infra2", K2, D2)):
        cameras[name] = {"width": SIZE[0], "height": SIZE[1], "fx": k[0, 0], "fy": k[1, 1]}
        cameras[name] |= {"ppx": k[0, 2], "ppy": k[1, 2], "model": "brown_conrady", "coeffs": d.tolist()}
    content = {"infra2": cameras["infra2"], "infra1": cameras["infra1"]}
    content["extrinsics"] = {"rotation": R.T.ravel().tolist(), "translation": T.tolist()}
    return [written(folder / "realsense.json", json.dumps(content))]


RAW: dict[str, Callable[[Path], list[Path]]] = {
    "OpenCV, yml": opencv(".yml"),
    "OpenCV, xml": opencv(".xml"),
    "OpenCV, json": opencv(".json"),
    "OpenCV, other names": opencv_other_names,
    "OpenCV, two files": opencv_two_files,
    "OpenCV, rectified": opencv_rectified,
    "Kalibr": kalibr,
    "EuRoC": euroc,
    "ZED": zed,
    "ZED of old": zed_of_old,
    "OAK": oak,
    "OAK by the middle": oak_by_the_middle,
    "RealSense": realsense,
}
"""Format -> writes the raw rig; returns its files. Those with four coefficients leave the fifth away."""

FOUR_COEFFICIENTS = ("Kalibr", "EuRoC")
