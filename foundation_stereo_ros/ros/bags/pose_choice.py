# SPDX-License-Identifier: Apache-2.0
"""Which topics of a recording tell a camera's poses, and between which frames."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

from foundation_stereo_ros.errors import BagError, PoseError
from foundation_stereo_ros.ros.bags.reader import Recording
from foundation_stereo_ros.ros.bags.storage import decode
from foundation_stereo_ros.ros.messages.poses import PlacedFrame, decode_poses
from foundation_stereo_ros.ros.messages.video_topics import PoseTopics, find_poses
from foundation_stereo_ros.ros.sync.camera_poses import FIXED_FRAMES, CameraPoses
from foundation_stereo_ros.ros.sync.pose_track import GAP_NS, NoPose
from foundation_stereo_ros.ros.sync.transform_tree import TransformTree
from foundation_stereo_ros.shapes import Matrix

_LOOK_NS = 10_000_000_000  # how long a better fixed frame is waited for
_MOUNTS = ({"camera_in_body": "X Y Z QX QY QZ QW"},)


@dataclass(frozen=True, eq=False)
class PoseOptions:
    """What the user says about poses.

    Attributes:
        topic: that tells them; empty: to be found.
        fixed_frame: for transforms; empty: the first of odom, map and world that is connected.
        body_frame: whose poses they are; empty: as the messages say.
        camera_in_body: 4 x 4, from the camera's optical frame to the body's; None: as the transforms say.
        gap_ns: neighbours farther apart than this are not interpolated.
    """

    topic: str = ""
    fixed_frame: str = ""
    body_frame: str = ""
    camera_in_body: Matrix | None = None
    gap_ns: int = GAP_NS


@dataclass(frozen=True, eq=False)
class ChosenPoses:
    """Where poses come from.

    Attributes:
        poses: knows the static transforms of the recording.
        body: topic of a body's poses; empty: transforms alone tell.
        transforms: topics of transforms.
        static: those of them that hold at all times.
        note: what was chosen, a sentence.
    """

    poses: CameraPoses
    body: str
    transforms: tuple[str, ...]
    static: tuple[str, ...]
    note: str

    @property
    def topics(self) -> tuple[str, ...]:
        """All that are to be read."""
        return (*self.transforms, *self.static, *((self.body,) if self.body else ()))

    def push(self, topic: str, message: Any, refuse: Callable[[PoseError], None]) -> None:
        """Take a message of one of the topics; ``refuse`` is told of each pose that is none."""
        for placed in decode_poses(message, refuse):
            try:
                if topic == self.body:
                    self.poses.push_body(placed.child, placed.stamp_ns, placed.pose)
                else:
                    self.poses.push_transform(*placed, static=topic in self.static)
            except PoseError as error:
                refuse(error)


def choose_poses(recording: Recording, image: str, options: PoseOptions) -> ChosenPoses:
    """Find what tells the poses of a camera: transforms, if they connect it to a fixed frame, otherwise the
    poses of a body.

    Static transforms are read at once, wherever in the recording they are.

    Args:
        recording: is read as far as needed.
        image: topic of the camera.
        options: what the user says.

    Raises:
        BagError: there is no such topic, or frames are not connected. The remedies are fields of
            `PoseOptions`.
    """
    return _Choice(recording, image, options).choose()


class _Choice:
    def __init__(self, recording: Recording, image: str, options: PoseOptions) -> None:
        self._recording, self._image, self._options = recording, image, options
        self._found: PoseTopics = find_poses(recording.topics, options.topic)
        self._tree = TransformTree()  # all transforms that were read so far
        self._static = [placed for name in self._found.static for placed, _ in self._read(name)]
        for placed in reversed(self._static):  # of several, the first one counts at the beginning
            self._push(placed, static=True)

    def choose(self) -> ChosenPoses:
        options, found = self._options, self._found
        # A body that only its own poses name cannot be looked up among the transforms.
        own = options.camera_in_body is not None and not options.body_frame and bool(found.bodies)
        if (found.moving or found.static) and options.topic not in found.bodies and not own:
            fixed = self._fixed_frame()
            if fixed:
                return self._chosen(fixed, "", options.body_frame)
            if options.fixed_frame or not found.bodies:
                raise self._not_connected()
        return self._of_a_body(next(iter(found.bodies)))

    def _chosen(self, fixed: str, body_topic: str, body: str) -> ChosenPoses:
        options, found = self._options, self._found
        poses = CameraPoses(fixed, body, options.camera_in_body, options.gap_ns)
        for placed in reversed(self._static):
            with suppress(PoseError):
                poses.push_transform(*placed, static=True)
        what = f"{self._source()!r} in {fixed!r}" if fixed else f"{body or 'the body'!r}"
        source = body_topic or " and ".join((*found.moving, *found.static))
        trees = [] if fixed else [*found.moving]
        others = [name for name in (*trees, *found.bodies) if name != body_topic]
        more = f"; there are also {', '.join(others)}" if others else ""
        note = f"poses of {what} are taken from {source}{more}"
        return ChosenPoses(poses, body_topic, found.moving, found.static, note)

    def _of_a_body(self, topic: str) -> ChosenPoses:
        options = self._options
        body = options.body_frame or next((placed.child for placed, _ in self._read(topic)), "")
        if options.camera_in_body is None:
            if not body:
                raise BagError(
                    f"{topic} ({self._found.bodies[topic]}) does not say whose poses it has; expected the "
                    "body's frame, or the camera's place on the body",
                    remedy=({"body_frame": "FRAME"}, *_MOUNTS),
                )
            frame = self._frame()
            if not self._connected(body, frame):
                raise BagError(
                    f"{topic} has the poses of {body!r}, and {self._why_not(body, frame)}", remedy=_MOUNTS
                )
        return self._chosen("", topic, body)

    def _source(self) -> str:
        """Return the frame whose pose the transforms are to tell."""
        if self._options.camera_in_body is None:
            return self._frame()
        if not self._options.body_frame:
            raise BagError(
                "the camera's place on a body is given, but not the body's frame; expected both with "
                "transforms",
                remedy=({"body_frame": "FRAME"},),
            )
        return self._options.body_frame

    def _frame(self) -> str:
        first = next(self._recording.messages([self._image]), None)
        if first is None:
            raise BagError(f"no images on {self._image}")
        frame = str(decode(first).header.frame_id)
        if not frame:
            raise BagError(
                f"the images on {self._image} have an empty frame_id; expected the camera's optical frame, "
                "or its place on a body",
                remedy=_MOUNTS,
            )
        return frame

    def _fixed_frame(self) -> str:
        """Return the best fixed frame that is connected to the camera; empty: none is."""
        options, source = self._options, self._source()
        wanted = (options.fixed_frame,) if options.fixed_frame else FIXED_FRAMES
        begin: int | None = None

        def best() -> str:
            return next((frame for frame in wanted if self._tree.connected(frame, source)), "")

        for name in self._found.moving:
            for placed, log_time in self._read(name):
                self._push(placed)
                begin = log_time if begin is None else begin
                frame = best()
                if frame == wanted[0] or (frame and log_time - begin > _LOOK_NS):
                    return frame
        return best()

    def _connected(self, target: str, source: str) -> bool:
        if self._tree.connected(target, source):
            return True
        for name in self._found.moving:
            for placed, _ in self._read(name):
                self._push(placed)
                if self._tree.connected(target, source):
                    return True
        return False

    def _not_connected(self) -> BagError:
        source, root = self._source(), self._tree.root(self._source())
        remedy = [{"fixed_frame": root}] if root != source else [{"fixed_frame": "FRAME"}]
        if self._options.fixed_frame:
            return BagError(self._why_not(self._options.fixed_frame, source), remedy=remedy)
        return BagError(
            f"no transforms lead from {source!r} to any of {', '.join(map(repr, FIXED_FRAMES))}: "
            + (f"{source!r} is below {root!r}" if root != source else f"{source!r} is below no frame"),
            remedy=[*remedy, {"pose_topic": "TOPIC"}],
        )

    def _why_not(self, target: str, source: str) -> str:
        answer = self._tree.lookup(target, source, 0)
        return answer.why if isinstance(answer, NoPose) else ""

    def _read(self, topic: str) -> Iterator[tuple[PlacedFrame, int]]:
        for message in self._recording.messages([topic]):
            try:
                decoded = decode(message)
            except BagError:
                continue  # the job counts it
            for placed in decode_poses(decoded, lambda error: None):
                yield placed, message.log_time

    def _push(self, placed: PlacedFrame, static: bool = False) -> None:
        with suppress(PoseError):  # the job tells it
            self._tree.push(*placed, static=static)
