# SPDX-License-Identifier: Apache-2.0
"""Images of one camera and its poses from any thread; hands over the newest image that has a pose."""

from __future__ import annotations

import time
from collections import Counter, deque
from collections.abc import Iterable
from dataclasses import dataclass, field, fields, replace
from typing import Any

from foundation_stereo_ros.errors import PoseError
from foundation_stereo_ros.geometry.poses import NO_POSE
from foundation_stereo_ros.ros.live.config import VideoLiveConfig
from foundation_stereo_ros.ros.live.counts import IntakeCounts, PoseCounts
from foundation_stereo_ros.ros.live.intake import Intake
from foundation_stereo_ros.ros.live.topics import VIDEO_CAMERAS, is_tree
from foundation_stereo_ros.ros.messages.poses import PlacedFrame, decode_poses
from foundation_stereo_ros.ros.sync.camera_poses import FIXED_FRAMES, CameraPoses, HeldBack, Posed, two_clocks
from foundation_stereo_ros.ros.sync.pose_track import NoPose
from foundation_stereo_ros.ros.sync.synchronizer import MessageSet
from foundation_stereo_ros.shapes import Matrix

_QUEUE = 10
_LOOK_S = 2.0
"""How long a better fixed frame is waited for once there is one."""

_REMEMBERED = 100_001
"""Poses of images that nobody took: more than ``lost_after`` can be."""


@dataclass(frozen=True, eq=False)
class PosedSet(MessageSet[Any]):
    """An image with its calibration and pose.

    Attributes:
        pose: 4 x 4, from the camera to the fixed frame, in the axes and units of the messages.
        waited: seconds from the image's arrival to its pose's.
        passed: the poses of the images since the last set that was taken, oldest first; NaN for images that
            had none.
    """

    pose: Matrix = field(default_factory=lambda: NO_POSE)
    waited: float = 0.0
    passed: tuple[Matrix, ...] = ()


class VideoIntake(Intake[PosedSet]):
    """That of one camera that moves: its images wait for their poses.

    Args:
        config: what tells the poses.
    """

    def __init__(self, config: VideoLiveConfig | None = None) -> None:
        self._config = config = config or VideoLiveConfig()
        super().__init__(VIDEO_CAMERAS, 0, _QUEUE)
        self._of_body = bool(config.pose_topic) and not is_tree(config.pose_topic)
        self._wanted = (config.fixed_frame,) if config.fixed_frame else FIXED_FRAMES
        self._poses = CameraPoses(
            "" if self._of_body else self._wanted[0],
            config.body_frame,
            config.mount,
            round(config.pose_gap * 1e9),
        )
        self._settled = self._of_body or len(self._wanted) == 1
        self._connected_since: float | None = None
        self._held: HeldBack[tuple[MessageSet[Any], float]] = HeldBack(
            self._poses, patience_ns=round(config.tf_timeout * 1e9)
        )
        self._passed: deque[Matrix] = deque(maxlen=_REMEMBERED)
        self._after = 0  # of these, how many are later than the newest image that has a pose
        self._span: tuple[int, int] | None = None
        self._messages = self._refused = self._posed = 0
        self._refusal = self._why = ""
        self._without: Counter[str] = Counter()
        self._last_posed: float | None = None
        self._camera = ""

    def push_transforms(self, message: Any, *, static: bool = False) -> None:
        """Take a message of /tf, or of /tf_static; never raises for one."""
        self._push(message, "transforms", lambda p: self._poses.push_transform(*p, static=static))

    def push_body(self, message: Any) -> None:
        """Take a pose of the body that carries the camera; never raises for one."""
        self._push(message, "pose", lambda p: self._poses.push_body(p.child, p.stamp_ns, p.pose))

    def reconfigure(self, config: VideoLiveConfig) -> None:
        """Use other settings; none of those that matter here can change."""

    def take(self, timeout: float) -> PosedSet | None:
        """Wait for the newest image that has a pose; as `Intake.take`."""
        with self._changed:
            taken = super().take(timeout)
            if taken is None:
                return None
            passed = [*self._passed]
            own = max(len(passed) - self._after - 1, -1)  # -1 where time went back since
            self._passed = deque(passed[own + 1 :], _REMEMBERED)
            return replace(taken, passed=tuple(passed[: max(own, 0)]))

    def close(self) -> None:
        """Drop the images that wait and refuse new ones; poses are still kept."""
        with self._changed:
            for one in self._held.finish():
                self._without_pose(one.item[0])
            super().close()

    def counts(self) -> IntakeCounts:
        """Return all counters of this moment."""
        with self._changed:
            counts = super().counts()
            without = self._without.total()
            camera = replace(counts.cameras["image"], waiting=len(self._newest) + len(self._held))
            poses = PoseCounts(
                messages=self._messages,
                refused=self._refused,
                reason=self._refusal,
                posed=self._posed,
                without=dict(self._without),
                age=None if self._last_posed is None else time.monotonic() - self._last_posed,
                why=self._why or self._not_connected(),
                apart="" if self._posed else two_clocks(self._span, self._poses.span),
                source=self._source(),
            )
            return replace(
                counts, cameras={"image": camera}, overtaken=counts.overtaken - without, poses=poses
            )

    def _push(self, message: Any, what: str, push: Any) -> None:
        with self._changed:
            self._messages += 1
            try:
                placed: list[PlacedFrame] = [*decode_poses(message, self._refuse)]
            except (AttributeError, TypeError, ValueError, ArithmeticError) as error:
                self._reject(f"{what}: {type(message).__name__} is no such message: {error}")
                return
            for one in placed:
                try:
                    push(one)
                except PoseError as error:
                    self._refuse(error)
            if self._open:
                self._go_on(self._held.release())

    def _refuse(self, error: PoseError) -> None:
        self._refused += 1
        self._refusal = str(error)

    def _put(self, sets: list[MessageSet[Any]]) -> None:
        for one in sets:
            stamp = one.stamp_ns
            if one.missing:
                self._offer([_posed(one)])  # which does not get in
                continue
            if one.reset == "time went back":
                self._go_on(self._held.finish())
                self._poses.go_back(stamp)
                self._passed.clear()
                self._after = 0
                self._span = None
            first, last = self._span or (stamp, stamp)
            self._span = min(first, stamp), max(last, stamp)
            self._camera = str(one.messages["image"].header.frame_id)
            self._settle()
            self._go_on(self._held.push(stamp, self._camera, (one, time.monotonic())))

    def _settle(self) -> None:
        """Choose the fixed frame: the best that is connected, but a while is given to a better one."""
        if self._settled:
            return
        moving = self._moving()
        found = next((frame for frame in self._wanted if self._poses.tree.connected(frame, moving)), "")
        if not found:
            return
        now = time.monotonic()
        self._connected_since = now if self._connected_since is None else self._connected_since
        if found == self._wanted[0] or now - self._connected_since > _LOOK_S:
            self._poses.fixed, self._settled = found, True

    def _moving(self) -> str:
        return self._poses.body if self._config.mount is not None else self._camera

    def _go_on(self, posed: Iterable[Posed[tuple[MessageSet[Any], float]]]) -> None:
        for one in posed:
            images, arrival = one.item
            if isinstance(one.pose, NoPose):
                self._without[one.pose.reason] += 1
                self._why = one.pose.why
                self._passed.append(NO_POSE)
                self._after += 1
                self._without_pose(images)
                continue
            now = time.monotonic()
            self._posed += 1
            self._last_posed, self._why = now, ""
            self._passed.append(one.pose)
            self._after = 0
            self._offer([_posed(images, pose=one.pose, waited=now - arrival)])

    def _without_pose(self, images: MessageSet[Any]) -> None:
        # It does not get in, and its reset goes to the next one.
        self._offer([_posed(images, missing=("pose",))])

    def _source(self) -> str:
        moving = self._moving() or "the body"
        if self._of_body:
            return f"{self._poses.body or 'the body'!r} by {self._config.pose_topic}"
        return f"{moving!r} in {self._poses.fixed!r}" if self._settled else ""

    def _not_connected(self) -> str:
        """Say why there is no fixed frame; empty: there is one, or no image has come."""
        if self._settled or not self._camera or self._connected_since is not None:
            return ""
        moving = self._moving()
        root = self._poses.tree.root(moving)
        below = f"is below {root!r}" if root != moving else "is below no frame"
        frames = ", ".join(map(repr, self._wanted))
        return f"no transforms lead from {moving!r} to any of {frames}: {moving!r} {below}"


def _posed(images: MessageSet[Any], **more: Any) -> PosedSet:
    return PosedSet(**{f.name: getattr(images, f.name) for f in fields(images)} | more)
