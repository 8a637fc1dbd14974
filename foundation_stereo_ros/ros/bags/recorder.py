# SPDX-License-Identifier: Apache-2.0
"""Writes rectified images from anywhere as the recording that a stereo camera would have made."""

from __future__ import annotations

from typing import Any

from foundation_stereo_ros.geometry.camera import Camera, StereoRig
from foundation_stereo_ros.ros.bags.qos import offered_profile
from foundation_stereo_ros.ros.bags.writer import BagWriter
from foundation_stereo_ros.ros.messages.camera_info import encode_camera_info
from foundation_stereo_ros.ros.messages.cdr import CAMERA_INFO, IMAGE, message_types
from foundation_stereo_ros.ros.messages.images import encode_image
from foundation_stereo_ros.shapes import RgbImage

_QOS = offered_profile(depth=5)


class StereoRecorder:
    """Writes pairs as ``left/image_rect``, ``left/camera_info``, ``right/image_rect``, ``right/camera_info``.

    As with a real rig, both images are in the frame of the left camera (CameraInfo.msg).

    Args:
        writer: gets the messages.
        stereo: the cameras of all pairs.
        namespace: of the camera.
        frame_id: optical frame of the left camera (REP 103).
    """

    def __init__(
        self,
        writer: BagWriter,
        stereo: StereoRig,
        namespace: str = "/stereo",
        frame_id: str = "left_camera_optical_frame",
    ) -> None:
        self._writer, self._stereo = writer, stereo
        self._namespace, self._frame_id = namespace, frame_id

    def add(self, left: RgbImage, right: RgbImage, stamp_ns: int, *, right_delay_ns: int = 0) -> None:
        """Write one pair with its calibrations.

        Args:
            left: H x W x 3, red, green, blue.
            right: the same size.
            stamp_ns: when the left image was taken, and log time, nanoseconds.
            right_delay_ns: how much later the right one was.
        """
        right_p3 = -self._stereo.right.fx * self._stereo.baseline
        self._add_side("left", left, self._stereo.left, 0.0, stamp_ns)
        self._add_side("right", right, self._stereo.right, right_p3, stamp_ns + right_delay_ns)

    def _add_side(self, side: str, image: RgbImage, camera: Camera, tx: float, stamp_ns: int) -> None:
        types, header = message_types(), self.header(stamp_ns)
        self.write(
            f"{side}/camera_info", CAMERA_INFO, encode_camera_info(types, header, camera, tx), stamp_ns
        )
        self.write(f"{side}/image_rect", IMAGE, encode_image(types, header, image, "rgb8"), stamp_ns)

    def write(self, name: str, msgtype: str, message: Any, stamp_ns: int) -> None:
        """Write any other message below the namespace."""
        self._writer.write(f"{self._namespace}/{name}", msgtype, message, stamp_ns, offered=_QOS)

    def header(self, stamp_ns: int) -> Any:
        """Return a header with this stamp, in the left camera's optical frame."""
        types = message_types()
        stamp = types.Time(sec=stamp_ns // 10**9, nanosec=stamp_ns % 10**9)
        return types.Header(stamp=stamp, frame_id=self._frame_id)
