# SPDX-License-Identifier: Apache-2.0
"""The poses of a camera at the stamps of its images, from transforms or from the poses of a body; and the
images that wait for them."""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass
from typing import Generic, TypeVar

from foundation_stereo_ros.ros.sync.pose_track import GAP_NS, KEEP_NS, NoPose, PoseTrack, in_seconds
from foundation_stereo_ros.ros.sync.transform_tree import TransformTree
from foundation_stereo_ros.shapes import Matrix

T = TypeVar("T")

FIXED_FRAMES = ("odom", "map", "world")
"""Fixed frames that are looked for, the best first: poses in odom do not jump, those in map do (REP 105)."""

_MOST_WAITING = 60
_PATIENCE_NS = 2_000_000_000


class CameraPoses:
    """Where a camera is at a time, in a fixed frame.

    With ``fixed`` the transforms tell it. Without, the poses of a body (`push_body`) do, and where the camera
    sits on it is told by the transforms, unless ``mount`` does.

    Args:
        fixed: the fixed frame; empty: that of the body's poses.
        body: frame that the body's poses, or the mount, are of; empty: as `push_body` says.
        mount: 4 x 4, takes points from the camera's optical frame to the body's; None: the transforms tell.
        gap_ns: neighbours farther apart than this are not interpolated.
        keep_ns: how long poses are kept.

    Attributes:
        tree: the transforms.
        span: first and last stamp of all moving poses that came, nanoseconds; None before the first.
    """

    def __init__(
        self,
        fixed: str = "",
        body: str = "",
        mount: Matrix | None = None,
        gap_ns: int = GAP_NS,
        keep_ns: int = KEEP_NS,
    ) -> None:
        self.fixed, self.body, self._mount = fixed, body, mount
        self.tree = TransformTree(gap_ns, keep_ns)
        self._track = PoseTrack("the body", gap_ns, keep_ns)
        self.span: tuple[int, int] | None = None

    def push_transform(
        self, parent: str, child: str, stamp_ns: int, pose: Matrix, *, static: bool = False
    ) -> None:
        """Take a transform; see `TransformTree.push`."""
        self.tree.push(parent, child, stamp_ns, pose, static=static)
        if not static and self.fixed:
            self._widen(stamp_ns)

    def push_body(self, child: str, stamp_ns: int, pose: Matrix) -> None:
        """Take a pose of the body.

        Args:
            child: the body's frame; empty where the message does not name it.
            stamp_ns: when.
            pose: 4 x 4, takes points from the body to the fixed frame.
        """
        self.body = self.body or child
        self._track.push(stamp_ns, pose)
        self._widen(stamp_ns)

    def go_back(self, stamp_ns: int) -> None:
        """Forget what is so far after this time that time must have gone back, as where images jumped."""
        self._track.go_back(stamp_ns)
        self.tree.go_back(stamp_ns)

    def at(self, frame: str, stamp_ns: int) -> Matrix | NoPose:
        """Return the pose of a camera.

        Args:
            frame: its optical frame, that of the image.
            stamp_ns: when.

        Returns:
            4 x 4, takes points from the optical frame to the fixed frame; or why there is none.
        """
        if self.fixed and self._mount is None:
            return self.tree.lookup(self.fixed, frame, stamp_ns)
        moved = self.tree.lookup(self.fixed, self.body, stamp_ns) if self.fixed else self._track.at(stamp_ns)
        mounted = self._mount
        if mounted is None:
            found = self.tree.lookup(self.body, frame, stamp_ns)
            if isinstance(found, NoPose):
                return moved if isinstance(moved, NoPose) and moved.final else found
            mounted = found
        return moved if isinstance(moved, NoPose) else moved @ mounted

    def _widen(self, stamp_ns: int) -> None:
        first, last = self.span or (stamp_ns, stamp_ns)
        self.span = min(first, stamp_ns), max(last, stamp_ns)


@dataclass(frozen=True, eq=False)
class Posed(Generic[T]):
    """An item with the pose of the camera that took it, or why it has none."""

    stamp_ns: int
    item: T
    pose: Matrix | NoPose


@dataclass(frozen=True, eq=False)
class _Held(Generic[T]):
    stamp_ns: int
    frame: str
    item: T


class HeldBack(Generic[T]):
    """Items that wait for the poses at their stamps, which may come later than they; they leave in order.

    One waits until its pose is there or cannot come any more, until too many wait, or until a later item is
    too far ahead of it.

    Args:
        poses: of the camera.
        most: how many wait at most.
        patience_ns: how much later than the one that waits the newest one's stamp may be.
    """

    def __init__(
        self, poses: CameraPoses, most: int = _MOST_WAITING, patience_ns: int = _PATIENCE_NS
    ) -> None:
        self._poses, self._most, self._patience_ns = poses, most, patience_ns
        self._waiting: deque[_Held[T]] = deque()

    def __len__(self) -> int:
        return len(self._waiting)

    def push(self, stamp_ns: int, frame: str, item: T) -> list[Posed[T]]:
        """Take an item; return those that are done waiting, oldest first.

        Args:
            stamp_ns: of the image.
            frame: the camera's optical frame.
            item: what waits.
        """
        self._waiting.append(_Held(stamp_ns, frame, item))
        return self.release()

    def release(self) -> list[Posed[T]]:
        """Return those that are done waiting, as after a pose has come, oldest first."""
        done: list[Posed[T]] = []
        while self._waiting:
            first = self._waiting[0]
            pose = self._poses.at(first.frame, first.stamp_ns)
            late = self._waiting[-1].stamp_ns - first.stamp_ns > self._patience_ns
            if isinstance(pose, NoPose) and not (pose.final or late or len(self._waiting) > self._most):
                break
            self._waiting.popleft()
            done.append(Posed(first.stamp_ns, first.item, pose))
        return done

    def finish(self) -> list[Posed[T]]:
        """Return all that wait, as where no more poses come."""
        done = [Posed(x.stamp_ns, x.item, self._poses.at(x.frame, x.stamp_ns)) for x in self._waiting]
        self._waiting.clear()
        return done


def two_clocks(images: tuple[int, int] | None, poses: tuple[int, int] | None) -> str:
    """Say in a sentence that the stamps of images and poses do not overlap; empty: they do, or are not known.

    Args:
        images: their first and last stamp, nanoseconds.
        poses: theirs.
    """
    if images is None or poses is None or (images[0] <= poses[1] and poses[0] <= images[1]):
        return ""
    one, other = (f"from {in_seconds(first)} to {in_seconds(last)} s" for first, last in (images, poses))
    return f"the images have stamps {one}, the poses {other}; expected stamps of one clock"
