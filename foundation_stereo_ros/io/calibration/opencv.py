# SPDX-License-Identifier: Apache-2.0
"""What OpenCV's FileStorage writes after a stereo calibration: YAML of its own, XML or JSON."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import cv2
import numpy as np

from foundation_stereo_ros.errors import FileFormatError
from foundation_stereo_ros.geometry.extrinsics import RawCamera
from foundation_stereo_ros.io.calibration.stereo_file import (
    CalibrationText,
    Cameras,
    StereoFile,
    image_size,
    numbers,
)
from foundation_stereo_ros.shapes import Matrix

_SIDES = (("1", "l", "left"), ("2", "r", "right"))
_NAMES = {
    "K": ("k", "m", "mtx", "cameramatrix", "intrinsicmatrix", "intrinsics"),
    "D": ("d", "dist", "distcoeff", "distcoeffs", "distortioncoefficients", "distortion"),
    "R": ("r", "rect", "rectification", "rectificationmatrix"),
    "P": ("p", "proj", "projection", "projectionmatrix"),
}
"""Matrix -> names that people give to it, before or after the side; in small letters, without underscores."""

_ROTATION = ("r", "rot", "rotation", "rotationmatrix")
_TRANSLATION = ("t", "trans", "translation", "translationvector")
_OF_ONE = tuple(name for name in sum(_NAMES.values(), ()) if name not in _ROTATION)
_SIZE = (("imagewidth", "width", "leftwidth"), ("imageheight", "height", "leftheight"))
_MOST_OPENED = 2000
"""FileStorage recurses into brackets and tags until the stack ends."""

_FISHEYE = ("fisheye", "equidistant", "kannala")


def read(texts: Sequence[CalibrationText], size: tuple[int, int]) -> StereoFile:
    """Read M1 D1 M2 D2 R T, or K1 .., cameraMatrix1 .., LEFT.K ..; where there are R1 R2 P1 P2, these count.

    Two files add up, as the intrinsics and the extrinsics of OpenCV's example, or are each of one camera.

    Raises:
        FileFormatError: not FileStorage, or a matrix is missing or has another number of values.
        CalibrationError: impossible numbers.
    """
    fields: dict[str, Any] = {}
    for text, (side, *_) in zip(texts, _SIDES, strict=False):
        found = _storage(text)
        single = any(name in found for name in _NAMES["K"])
        fields |= {
            name + side if single and name in _OF_ONE else name: value for name, value in found.items()
        }
    return _Matrices(texts, fields, size).pair()


def cameras(text: CalibrationText, size: tuple[int, int]) -> Cameras:
    """Return the cameras ``left`` and ``right``, which may be called 1 and 2 or l and r; or the only one."""
    fields = _storage(text)
    if any(name in fields for name in _NAMES["K"]):
        fields = {name + _SIDES[0][0] if name in _OF_ONE else name: value for name, value in fields.items()}
    found = _Matrices([text], fields, size).cameras()
    return {name: camera.calibration for name, camera in found.items()}


class _Matrices:
    """The matrices of a file by what they are."""

    def __init__(
        self, texts: Sequence[CalibrationText], fields: Mapping[str, Any], size: tuple[int, int]
    ) -> None:
        self._path = Path(" and ".join(str(text.path) for text in texts))
        self._fields = fields
        width, height = (self._take(names, (1,)) for names in _SIZE)
        both = self._take(("imagesize", "size"), (2,))
        if both is None and width is not None and height is not None:
            both = np.hstack((width, height))
        self._size = size if both is None else image_size(self._path, "the images' size", both)
        lens = " ".join(
            f"{name} {value}" for name, value in fields.items() if "model" in name or name in _FISHEYE
        )
        self._fisheye = any(word in lens.lower() for word in _FISHEYE) and fields.get("fisheye", 1) != 0

    def cameras(self) -> dict[str, RawCamera]:
        """Return each camera by itself."""
        found = {names[-1]: camera for side, names in enumerate(_SIDES) if (camera := self._camera(side))}
        if not found:
            raise FileFormatError(
                f"{self._path} has no camera matrix; expected M1 and M2, K1 and K2, or the like"
            )
        return found

    def pair(self) -> StereoFile:
        """Return what they say together."""
        cameras = list(self.cameras().values())
        if len(cameras) == 1:
            return StereoFile.of_rectified(cameras)
        left, right = cameras
        p1, p2 = (self._of("P", side, (3, 4)) for side in (0, 1))
        r1, r2 = (self._of("R", side, (3, 3)) for side in (0, 1))
        bent = left.d.any() or right.d.any()
        turns_known = r1 is not None and r2 is not None
        if p1 is not None and p2 is not None and (turns_known or not bent):
            return StereoFile(left.calibration(r1, p1), right.calibration(r2, p2))
        rotation, translation = self._take(_ROTATION, (-1,)), self._take(_TRANSLATION, (3,))
        if rotation is not None and translation is not None:
            if rotation.size == 3:
                rotation = np.asarray(cv2.Rodrigues(rotation)[0])
            rotation = numbers(self._path, "R", rotation, (3, 3))
            return StereoFile.of_raw(cameras, rotation, translation)
        if bent:
            raise FileFormatError(
                f"{self._path} has distortions, but neither R and T nor R1, R2, P1 and P2; expected how the "
                "cameras stand to each other"
            )
        return StereoFile.of_rectified(cameras)

    def _camera(self, side: int) -> RawCamera | None:
        k, p, d = (
            self._of(kind, side, shape) for kind, shape in (("K", (3, 3)), ("P", (3, 4)), ("D", (-1,)))
        )
        if k is None:
            return None if p is None else RawCamera(self._size, p[:, :3])
        d = np.zeros(0) if d is None else d
        model = "equidistant" if self._fisheye else "plumb_bob" if d.size < 8 else "rational_polynomial"
        return RawCamera(self._size, k, model, d)

    def _of(self, kind: str, side: int, shape: tuple[int, ...]) -> Matrix | None:
        pairs = [(name, affix) for name in _NAMES[kind] for affix in _SIDES[side]]
        return self._take([word for name, affix in pairs for word in (name + affix, affix + name)], shape)

    def _take(self, names: Sequence[str], shape: tuple[int, ...]) -> Matrix | None:
        name = next((name for name in names if name in self._fields), None)
        return None if name is None else numbers(self._path, name, self._fields[name], shape)


def _storage(text: CalibrationText) -> dict[str, Any]:
    # FileStorage takes comments between the lines of its YAML only.
    content = re.sub(r"(?m)(^|\s)#.*$", "", text.text).lstrip()
    if "!!opencv-" in content and not content.startswith("%YAML"):
        content = f"%YAML:1.0\n---\n{content}"
    opened = len(re.findall(r"[\[{]|<\w", content))
    if opened > _MOST_OPENED:
        raise FileFormatError(f"{text.path} opens {opened} brackets or tags; expected a calibration")
    flags = cv2.FILE_STORAGE_READ | cv2.FILE_STORAGE_MEMORY
    try:
        storage = cv2.FileStorage(content, flags)  # lives as long as its nodes are read
        return dict(_values(storage.root(), ""))
    except RecursionError:
        raise FileFormatError(f"{text.path} is nested too deeply; expected a calibration") from None
    except (cv2.error, SystemError) as error:
        reason = str(error.__cause__ or error).rsplit("in function", 1)[-1].strip(" '\n")
        raise FileFormatError(f"{text.path} is no file of OpenCV's FileStorage: {reason}") from None


def _values(node: cv2.FileNode, name: str) -> Iterator[tuple[str, Any]]:
    """Yield the leaves of a file by the names that lead to each, in one word: LEFT.K is leftk."""
    if node.isMap() and "data" in node.keys():  # noqa: SIM118  not a mapping
        node = node.getNode("data")
    if node.isMap():
        for key in node.keys():  # noqa: SIM118
            yield from _values(node.getNode(key), name + re.sub(r"[^a-z0-9]", "", key.lower()))
    elif node.isSeq():
        parts = [node.at(place) for place in range(node.size())]
        yield name, [part.real() for part in parts if part.isReal() or part.isInt()]
    else:
        yield name, node.string() if node.isString() else node.real()
