# SPDX-License-Identifier: Apache-2.0
"""The demonstration's recordings: what a stereo rig sees in a generated room, and what was made of it."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from foundation_stereo_ros.errors import BagError
from foundation_stereo_ros.estimate.cloud import Cloud
from foundation_stereo_ros.geometry.calibration import stereo_camera
from foundation_stereo_ros.geometry.camera import Camera, StereoRig
from foundation_stereo_ros.ros.bags.reader import read_messages
from foundation_stereo_ros.ros.bags.writer import BagWriter, StereoRecorder
from foundation_stereo_ros.ros.messages.camera_info import decode_camera_info, encode_camera_info
from foundation_stereo_ros.ros.messages.cdr import CAMERA_INFO, IMAGE, message_types
from foundation_stereo_ros.ros.messages.depth import decode_depth, encode_depth
from foundation_stereo_ros.ros.messages.disparity import decode_disparity
from foundation_stereo_ros.ros.messages.images import decode_image
from foundation_stereo_ros.ros.messages.point_cloud import decode_points
from foundation_stereo_ros.ros.messages.stamps import stamp_ns
from foundation_stereo_ros.shapes import DepthMap, DisparityMap, Mask, RgbImage

if TYPE_CHECKING:
    import torch

    from foundation_stereo_ros.scenes.raycast.sequence import SequenceFrame

NAMESPACE = "/stereo"
FRAME_ID = "left_camera_optical_frame"
EXACT_DEPTH = "ground_truth/depth/image_rect"
EXACT_INFO = "ground_truth/depth/camera_info"

_ROOM = 2  # chosen because it looks like one, before anything was measured on it
_START_NS = 1_700_000_000 * 10**9
_STEP_NS = 10**8  # 10 Hz
_PACE = 2  # moments of the scene from one frame to the next, so that a short recording shows some way
_STORED = {
    "left": "left/image_rect",
    "right": "right/image_rect",
    "left_info": "left/camera_info",
    "right_info": "right/camera_info",
    "exact": EXACT_DEPTH,
    "disparity": "disparity",
    "depth": "depth/image_rect",
}


@dataclass(frozen=True, eq=False)
class StoredFrame:
    """One frame as it is in the result's recording.

    Attributes:
        stamp_ns: of the left image, and of all that was made from it.
        left, right: H x W x 3.
        stereo: the cameras.
        exact_depth: H x W, metres.
        disparity: H x W, pixels; valid where ``valid`` is true.
        valid: H x W.
        depth: H x W, metres; NaN where unknown.
    """

    stamp_ns: int
    left: RgbImage
    right: RgbImage
    stereo: StereoRig
    exact_depth: DepthMap
    disparity: DisparityMap
    valid: Mask
    depth: DepthMap


def record(
    path: Path,
    frames: int,
    size: tuple[int, int],
    device: torch.device,
    *,
    whole_round: bool = False,
    on_frame: Callable[[], None] = lambda: None,
) -> None:
    """Render a moving stereo rig and write it as its driver would, with the exact depth beside it.

    Args:
        path: MCAP file; one that is there is replaced.
        frames: how many, ten a second.
        size: width and height of the pictures.
        device: where to render.
        whole_round: the frames are spread over the rig's closed path, so that the end leads to the beginning;
            otherwise they show its first part.
        on_frame: called after each frame.

    Raises:
        BagError: the file cannot be written.
    """
    from foundation_stereo_ros.scenes.raycast.sequence import LOOP, SceneSequence

    sequence = SceneSequence(_ROOM, device=device)
    pace = LOOP / frames if whole_round else _PACE
    with BagWriter(path, force=True) as writer:
        try:
            for number in range(frames):
                frame = sequence.frame(round(number * pace), size[1], size[0])
                _write(writer, frame, _START_NS + number * _STEP_NS)
                on_frame()
        except BaseException:
            # Half a recording under the name of a whole one would be taken for it.
            writer.discard()
            raise


def _write(writer: BagWriter, frame: SequenceFrame, stamp: int) -> None:
    height, width = frame.depth.shape
    camera = Camera(width, height, fx=frame.focal, fy=frame.focal, cx=frame.cx, cy=frame.cy)
    recorder = StereoRecorder(writer, StereoRig(camera, camera, frame.baseline), NAMESPACE, FRAME_ID)
    recorder.add(frame.left, frame.right, stamp)
    types, header = message_types(), recorder.header(stamp)
    recorder.write(EXACT_DEPTH, IMAGE, encode_depth(types, header, frame.depth), stamp)
    recorder.write(EXACT_INFO, CAMERA_INFO, encode_camera_info(types, header, camera), stamp)


def stored_frames(path: Path) -> Iterator[StoredFrame]:
    """Read a result's recording: every frame for which all is there, one at a time.

    Raises:
        BagError: it cannot be read.
    """
    fields = {f"{NAMESPACE}/{name}": field for field, name in _STORED.items()}
    waiting: dict[int, dict[str, Any]] = {}
    for topic, message, _ in read_messages(path, list(fields)):
        stamp = stamp_ns(message.header)
        found = waiting.setdefault(stamp, {})
        found[fields[topic]] = message
        if len(found) == len(fields):
            yield _decoded(stamp, waiting.pop(stamp))


def stored_cloud(path: Path, stamp: int) -> Cloud:
    """Return the valid points of one frame's ``points2``.

    Raises:
        BagError: there is no cloud of that stamp.
    """
    for _, message, _ in read_messages(path, [f"{NAMESPACE}/points2"]):
        if stamp_ns(message.header) == stamp:
            points, colors = decode_points(message)
            known = np.isfinite(points).all(axis=-1)
            return Cloud(points[known], colors[known])
    raise BagError(f"{path} holds no points of stamp {stamp} ns")


def _decoded(stamp: int, found: dict[str, Any]) -> StoredFrame:
    left, right = decode_image(found["left"]), decode_image(found["right"])
    infos = decode_camera_info(found["left_info"]), decode_camera_info(found["right_info"])
    values = decode_disparity(found["disparity"])
    return StoredFrame(
        stamp_ns=stamp,
        left=left,
        right=right,
        stereo=stereo_camera(*infos, image_size=(left.shape[1], left.shape[0])),
        exact_depth=decode_depth(found["exact"]),
        disparity=values.disparity,
        valid=values.valid,
        depth=decode_depth(found["depth"]),
    )
