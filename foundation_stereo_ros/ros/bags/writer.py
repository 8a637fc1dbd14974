# SPDX-License-Identifier: Apache-2.0
"""Writes one MCAP file as ``ros2 bag record`` would.

The file grows under ``NAME.partial.mcap`` and gets its name when it is closed, so a file under the final name
is always whole and a failed run never costs an earlier output. Every exit closes it but two: a kill, and a
disk that is full or gone. Then the partial file holds everything up to the last ``flush``, which is hardly
longer ago than a second, and can be read like any recording that breaks off.
"""

from __future__ import annotations

from contextlib import ExitStack, suppress
from pathlib import Path
from time import monotonic
from typing import Any

import yaml
from mcap.writer import CompressionType, Writer

from foundation_stereo_ros.errors import BagError, FileFormatError
from foundation_stereo_ros.geometry.camera import Camera, StereoRig
from foundation_stereo_ros.io.outputs import check_output, new_beside, reserved
from foundation_stereo_ros.ros.bags import qos
from foundation_stereo_ros.ros.bags.storage import RecordedMessage
from foundation_stereo_ros.ros.messages.camera_info import encode_camera_info
from foundation_stereo_ros.ros.messages.cdr import (
    CAMERA_INFO,
    IMAGE,
    Schema,
    message_types,
    schema_of,
    serialize,
    type_hash,
)
from foundation_stereo_ros.ros.messages.images import encode_image
from foundation_stereo_ros.ros.messages.stamps import header_of
from foundation_stereo_ros.ros.messages.topics import Topic
from foundation_stereo_ros.shapes import RgbImage

FLUSH_S = 1.0
"""How long a message waits for its way to the disk."""

_CAMERA_QOS = qos.offered_profile(depth=5)


class _Stream:
    """A new file without a buffer of its own: what cannot be written is not tried once more at the end."""

    def __init__(self, path: Path) -> None:
        self._file = path.open("r+b", buffering=0)
        self.truncate, self.close = self._file.truncate, self._file.close
        self.size = 0

    def tell(self) -> int:
        return self.size

    def write(self, data: bytes) -> int:
        rest = memoryview(data)
        while rest:
            rest = rest[self._file.write(rest) :]
        self.size += len(data)
        return len(data)

    def flush(self) -> None:
        """Do nothing: all is written."""


class BagWriter:
    """Writes messages into one MCAP file; a context manager that closes it.

    Args:
        path: the file to make, ending in ``.mcap``; missing folders are made.
        force: replace a file that is there.

    Attributes:
        count: messages written so far.

    Raises:
        BagError: wrong ending, a file is there, it is an input, another job is writing it, or the place
            cannot be written to.
    """

    def __init__(self, path: Path | str, *, force: bool = False) -> None:
        self.path = Path(path)
        self.count = 0
        self._oldest: float | None = None  # when the first message came that is not on disk yet
        self._held = ExitStack()
        self._closed = False
        try:
            self._check(force)
            self._create()
        except FileFormatError as error:
            self._held.close()
            raise BagError(str(error)) from error
        except BaseException:
            self._held.close()
            raise

    def write(
        self, topic: str, msgtype: str, message: Any, stamp_ns: int, *, offered: str | None = None
    ) -> None:
        """Write a message object.

        Args:
            topic: full name, with the leading slash.
            msgtype: as in "sensor_msgs/msg/Image".
            message: an object with the fields of that type.
            stamp_ns: log and publish time, nanoseconds.
            offered: quality of service from ``qos.offered_profile``; its default where None.

        Raises:
            BagError: the type is not known, or the message does not fit it.
        """
        data = bytes(serialize(message, msgtype))
        key = (topic, msgtype, "cdr")
        if key not in self._channels:
            metadata = {qos.KEY: offered or qos.offered_profile(), "topic_type_hash": type_hash(msgtype)}
            self._register(Topic(topic, schema_of(msgtype), metadata=metadata))
        channel = self._channels[key]
        self._sequences[channel] = self._sequences.get(channel, -1) + 1
        self._add(channel, stamp_ns, data, stamp_ns, self._sequences[channel])

    def copy(self, message: RecordedMessage) -> None:
        """Write a message of another recording: the same bytes, times, definition and quality of service."""
        topic = message.topic
        key = (topic.name, topic.msgtype, topic.encoding)
        if key not in self._channels:
            self._register(topic)
        self._add(self._channels[key], message.log_time, message.data, message.publish_time, message.sequence)

    def flush(self, after: float = 0.0) -> None:
        """Put everything written so far into the file, where it survives a kill of this process.

        Args:
            after: do nothing while none of it waits for so many seconds.

        Raises:
            BagError: the disk is full or gone; the file is closed then, and can be read up to here.
        """
        if self._oldest is not None and monotonic() - self._oldest >= after:
            self._oldest, begin = None, self._stream.size
            try:
                self._mcap.flush()
            except OSError as error:
                raise self._taken_back(error, begin) from error

    def close(self) -> None:
        """Finish the file and give it its name. A second call does nothing.

        Raises:
            BagError: as for `flush`.
        """
        if self._closed:
            return
        begin = self._stream.size
        try:
            self._mcap.add_metadata("rosbag2", {"serialized_metadata": _metadata(self.path.name)})
            self._mcap.finish()
            self._stream.close()
        except OSError as error:
            raise self._taken_back(error, begin) from error
        self._closed = True
        try:
            check_output(self.path)
            self._partial.replace(self.path)
        except (OSError, FileFormatError) as error:
            raise BagError(f"{self._partial} is whole, but cannot get its name: {error}") from error
        finally:
            self._held.close()

    def discard(self) -> None:
        """Remove the file instead of finishing it."""
        if not self._closed:
            self._closed = True
            self._stream.close()
            self._partial.unlink(missing_ok=True)
            self._held.close()

    def __enter__(self) -> BagWriter:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def _check(self, force: bool) -> None:
        if self.path.suffix != ".mcap":
            raise BagError(f"the output is {self.path}; expected a name that ends in .mcap")
        self._partial = self.path.with_name(f"{self.path.stem}.partial.mcap")
        check_output(self._partial, f", and {self.path} grows under this name")
        check_output(self.path)
        if self.path.exists() and not force:
            raise BagError(f"{self.path} exists already; use another name, or replace it", remedy="force")
        self._held.enter_context(reserved(self.path, self._partial))
        if self._partial.exists() and not force:
            raise BagError(
                f"{self._partial} exists: a run was killed before its end (the file can be read); use "
                "another name, or replace it",
                remedy="force",
            )

    def _create(self) -> None:
        try:
            # Under its name it can be read from the first moment on.
            unnamed = new_beside(self._partial)
            try:
                self._stream = _Stream(unnamed)
                output: Any = self._stream
                self._mcap: Any = Writer(output, compression=CompressionType.ZSTD)
                self._mcap.start(profile="ros2")
                unnamed.replace(self._partial)
            finally:
                unnamed.unlink(missing_ok=True)
        except OSError as error:
            raise BagError(f"cannot write {self._partial}: {error.strerror or error}") from error
        self._schemas: dict[Schema, int] = {}
        self._channels: dict[tuple[str, str, str], int] = {}
        self._sequences: dict[int, int] = {}

    def _taken_back(self, error: OSError, begin: int) -> BagError:
        """Close the file with what is whole in it, up to a place, and say so."""
        self._closed = True
        with suppress(OSError, ValueError):
            self._stream.truncate(begin)
            self._stream.close()
        self._held.close()
        reason = error.strerror or error
        return BagError(f"cannot write {self.path}: {reason}; {self._partial} holds what was written before")

    def _register(self, topic: Topic) -> None:
        schema = topic.schema
        if schema not in self._schemas:
            self._schemas[schema] = self._mcap.register_schema(schema.name, schema.encoding, schema.data)
        metadata = dict(topic.metadata)
        metadata[qos.KEY] = qos.in_numbers(metadata.get(qos.KEY, ""))
        channel = self._mcap.register_channel(topic.name, topic.encoding, self._schemas[schema], metadata)
        self._channels[(topic.name, topic.msgtype, topic.encoding)] = channel

    def _add(self, channel: int, log_time: int, data: bytes, publish_time: int, sequence: int) -> None:
        begin = self._stream.size
        try:
            self._mcap.add_message(channel, log_time, data, publish_time, sequence)
        except OSError as error:
            raise self._taken_back(error, begin) from error
        self.count += 1
        if self._oldest is None:
            self._oldest = monotonic()
        self.flush(FLUSH_S)


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
        self._writer.write(f"{self._namespace}/{name}", msgtype, message, stamp_ns, offered=_CAMERA_QOS)

    def header(self, stamp_ns: int) -> Any:
        """Return a header with this stamp, in the left camera's optical frame."""
        return header_of(message_types(), stamp_ns, self._frame_id)


def _metadata(name: str) -> str:
    """Return what ``ros2 bag`` keeps in an MCAP; it takes counts and topics from the file's own index.

    The version says how the quality of service is noted.
    """
    return yaml.safe_dump(
        {
            "version": qos.METADATA_VERSION,
            "storage_identifier": "mcap",
            "duration": {"nanoseconds": 0},
            "starting_time": {"nanoseconds_since_epoch": 0},
            "message_count": 0,
            "topics_with_message_count": [],
            "compression_format": "",
            "compression_mode": "",
            "relative_file_paths": [name],
            "files": [],
            "custom_data": {},
            "ros_distro": "",
        },
        sort_keys=False,
    )
