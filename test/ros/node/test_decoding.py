# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from foundation_stereo_ros.errors import ImageError
from foundation_stereo_ros.ros.messages.images import decode_image

pytestmark = pytest.mark.ros

WIDTH, HEIGHT = 10, 6

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
    from foundation_stereo_ros.ros.node.decoding import BridgeDecoder, why_not_cv_bridge

    reason = why_not_cv_bridge()
    if reason:
        pytest.skip(f"no cv_bridge here: {reason}")
    return BridgeDecoder()


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


@pytest.mark.parametrize(
    ("module", "reason"),
    [
        (
            "raise ImportError('numpy.core.multiarray failed to import')",
            "numpy.core.multiarray failed to import",
        ),
        ("import os; os.abort()", "SIGABRT"),
        ("import sys; sys.exit(3)", "code 3"),
    ],
)
def test_cv_bridge_that_does_not_work(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
    module: str,
    reason: str,
) -> None:
    from foundation_stereo_ros.ros.node.decoding import choose_decoder

    (tmp_path / "cv_bridge.py").write_text(module)
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.setenv("PYTHONPATH", str(tmp_path), prepend=":")
    with caplog.at_level("INFO"):
        assert choose_decoder() is decode_image
    (record,) = caplog.records
    assert reason in record.getMessage()
