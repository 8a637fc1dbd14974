# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import importlib
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from foundation_stereo_ros.errors import ImageError
from foundation_stereo_ros.ros.messages.images import decode_image

pytestmark = pytest.mark.ros

WIDTH, HEIGHT = 10, 6

NUMPY_1, NUMPY_2 = b"numpy.core._multiarray_umath\0", b"numpy._core._multiarray_umath\0"

WRONG = """
class CvBridgeError(TypeError): pass
class CvBridge:
    def imgmsg_to_cv2(self, message, encoding):
        return [[[0, 1, 2], [3, 4, 5]]]
"""
"""A cv_bridge that leaves blue where red should be."""

PIXEL_BYTES = {
    **dict.fromkeys(["mono8", "bayer_rggb8", "bayer_bggr8", "bayer_gbrg8", "bayer_grbg8"], 1),
    **dict.fromkeys(["mono16", "yuv422", "bayer_rggb16", "bayer_bggr16", "bayer_gbrg16", "bayer_grbg16"], 2),
    "rgb8": 3,
    "bgr8": 3,
    "rgba8": 4,
    "bgra8": 4,
    "rgb16": 6,
    "bgr16": 6,
    "rgba16": 8,
    "bgra16": 8,
}
"""Encodings that both know, in every supported distribution."""


@pytest.fixture(scope="module")
def bridge():
    from foundation_stereo_ros.ros.node.decoding import BridgeDecoder, choose_decoder

    decoder = choose_decoder()
    if not isinstance(decoder, BridgeDecoder):
        pytest.skip("no cv_bridge here that works; the log says why")
    return decoder


def image(encoding: str, size: int, padding: int = 0, big: bool = False):
    from sensor_msgs.msg import Image

    step = WIDTH * size + padding
    message = Image(height=HEIGHT, width=WIDTH, encoding=encoding, step=step, is_bigendian=int(big))
    message.data.frombytes(np.random.default_rng(size).integers(0, 256, step * HEIGHT, np.uint8))
    return message


@pytest.mark.parametrize("encoding", PIXEL_BYTES)
def test_cv_bridge_and_codec_agree(bridge, encoding: str) -> None:
    from cv_bridge import CvBridge

    message = image(encoding, PIXEL_BYTES[encoding])
    theirs = CvBridge().imgmsg_to_cv2(message, "rgb8")
    ours = decode_image(message)
    assert ours.dtype == theirs.dtype == np.uint8
    # Of a mosaic of 16 bits it reduces the interpolated colours, the codec the measured ones.
    tolerance = 1 if encoding.startswith("bayer") and encoding.endswith("16") else 0
    np.testing.assert_allclose(ours.astype(int), theirs, rtol=0, atol=tolerance)
    np.testing.assert_array_equal(bridge(message), ours)


@pytest.mark.parametrize("encoding", ["8UC1", "8UC3", "16UC1", "uyvy", "yuyv", "yuv422_yuy2"])
def test_what_cv_bridge_does_not_know_goes_to_the_codec(bridge, encoding: str) -> None:
    message = image(encoding, 3)
    np.testing.assert_array_equal(bridge(message), decode_image(message))


@pytest.mark.parametrize(("padding", "big"), [(1, False), (6, False), (0, True), (7, True)])
@pytest.mark.parametrize("encoding", ["rgb8", "mono8", "mono16"])
def test_padded_rows_and_byte_order(bridge, encoding: str, padding: int, big: bool) -> None:
    message = image(encoding, PIXEL_BYTES[encoding], padding, big)
    np.testing.assert_array_equal(bridge(message), decode_image(message))


def test_compressed(bridge) -> None:
    import cv2
    from sensor_msgs.msg import CompressedImage

    message = CompressedImage(format="rgb8; jpeg compressed bgr8")
    picture = np.random.default_rng(0).integers(0, 256, (HEIGHT, WIDTH, 3), np.uint8)
    message.data.frombytes(cv2.imencode(".jpg", picture)[1].tobytes())
    np.testing.assert_array_equal(bridge(message), decode_image(message))


def test_errors_are_those_of_the_codec(bridge) -> None:
    for message in (image("rgb8", 2), image("unheard_of", 3), image("mono8", 1)):
        if message.encoding == "mono8":
            message.width = 0
        with pytest.raises(ImageError) as theirs:
            bridge(message)
        with pytest.raises(ImageError) as ours:
            decode_image(message)
        assert str(theirs.value) == str(ours.value)


@pytest.fixture(scope="module", autouse=True)
def _imported() -> None:
    """Import it before a test looks at the log: ROS's launch replaces the root logger when it is loaded."""
    importlib.import_module("foundation_stereo_ros.ros.node.decoding")


@pytest.fixture
def fake(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[..., None]:
    """Put another cv_bridge before the real one: its code, and what its extension holds."""

    def make(code: str, extension: bytes = NUMPY_1 + NUMPY_2) -> None:
        package = tmp_path / "cv_bridge"
        (package / "boost").mkdir(parents=True)
        (package / "__init__.py").write_text(code)
        (package / "boost" / "cv_bridge_boost.so").write_bytes(extension)
        for name in [name for name in sys.modules if name.split(".")[0] == "cv_bridge"]:
            monkeypatch.delitem(sys.modules, name)
        monkeypatch.syspath_prepend(tmp_path)

    yield make
    for name in [name for name in sys.modules if name.split(".")[0] == "cv_bridge"]:
        del sys.modules[name]


def chosen(caplog: pytest.LogCaptureFixture) -> tuple[Any, str]:
    from foundation_stereo_ros.ros.node.decoding import choose_decoder

    with caplog.at_level("INFO"):
        decoder = choose_decoder()
    (record,) = caplog.records
    return decoder, record.getMessage()


@pytest.mark.parametrize(
    ("code", "reason"),
    [
        (
            "raise ImportError('numpy.core.multiarray failed to import')",
            "numpy.core.multiarray failed to import",
        ),
        ("raise SystemExit(3)", "3"),
        (WRONG, "it converts bgr8 to rgb8 wrongly"),
        (WRONG.replace("return [[[0, 1, 2], [3, 4, 5]]]", "raise KeyError(encoding)"), "'rgb8'"),
    ],
)
def test_a_cv_bridge_that_does_not_work_is_not_used(
    fake: Callable[..., None], caplog: pytest.LogCaptureFixture, code: str, reason: str
) -> None:
    fake(code)
    decoder, said = chosen(caplog)
    assert decoder is decode_image
    assert reason in said


def test_one_that_is_built_for_numpy_1_is_not_even_imported_with_numpy_2(
    fake: Callable[..., None], caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It may crash the process."""
    fake("import os; os.abort()", NUMPY_1)
    monkeypatch.setattr(np, "__version__", "2.4.0")
    decoder, said = chosen(caplog)
    assert decoder is decode_image
    assert "cv_bridge_boost.so was built for NumPy 1, and NumPy is 2.4.0" in said


def test_with_numpy_1_both_are_tried(
    fake: Callable[..., None], caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    fake(WRONG, NUMPY_1)
    monkeypatch.setattr(np, "__version__", "1.26.4")
    assert "wrongly" in chosen(caplog)[1]


def test_no_cv_bridge(caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("importlib.util.find_spec", lambda _: None)
    assert chosen(caplog) == (decode_image, "decoding images without cv_bridge (it is not installed)")


def test_extensions_of_this_numpy_are_known_by_their_bytes() -> None:
    """Pinned by a real one: OpenCV's, which works with both."""
    import cv2

    from foundation_stereo_ros.ros.node.decoding import _NUMPY_2

    (extension,) = Path(cv2.__file__).parent.glob("cv2*.so")
    assert _NUMPY_2 in extension.read_bytes()
