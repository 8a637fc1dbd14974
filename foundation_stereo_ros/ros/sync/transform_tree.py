# SPDX-License-Identifier: Apache-2.0
"""The tree of coordinate frames that /tf and /tf_static tell of."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from foundation_stereo_ros.errors import PoseError
from foundation_stereo_ros.geometry.poses import motion
from foundation_stereo_ros.ros.sync.pose_track import GAP_NS, KEEP_NS, NoPose, PoseTrack
from foundation_stereo_ros.shapes import Matrix

_MOST_FRAMES = 1000


@dataclass
class _Edge:
    parent: str
    former: str  # another parent that was told before; empty: none
    fixed: Matrix | None = None
    track: PoseTrack | None = None

    def at(self, stamp_ns: int) -> Matrix | NoPose:
        if self.track is None:
            return self.fixed if self.fixed is not None else NoPose("not yet", "")
        answer = self.track.at(stamp_ns)
        if isinstance(answer, NoPose) and self.former:
            why = f"{answer.why} (it was given two parents, {self.former!r} and {self.parent!r})"
            return NoPose(answer.reason, why)
        return answer


class TransformTree:
    """Transforms between frames, each frame in its parent; a moving one is interpolated by its own poses.

    Frames' names count without a leading slash, as tf2 has them.

    Args:
        gap_ns: neighbours of one transform farther apart than this are not interpolated.
        keep_ns: how long moving transforms are kept, by their newest stamp.
    """

    def __init__(self, gap_ns: int = GAP_NS, keep_ns: int = KEEP_NS) -> None:
        self._gap_ns, self._keep_ns = gap_ns, keep_ns
        self._edges: dict[str, _Edge] = {}

    def push(self, parent: str, child: str, stamp_ns: int, pose: Matrix, *, static: bool = False) -> None:
        """Take a transform.

        If its time went back, all moving transforms from after it are forgotten; static ones stay.

        Args:
            parent: the frame that the pose is in.
            child: the frame whose pose it is.
            stamp_ns: when.
            pose: 4 x 4, takes points from child to parent.
            static: holds at all times.

        Raises:
            PoseError: a frame has no name, or is its own parent; or there are too many of them.
        """
        parent, child = _plain(parent), _plain(child)
        if not parent or not child or parent == child:
            raise PoseError(f"a transform leads from {child!r} to {parent!r}; expected two frames")
        edge = self._edges.get(child)
        if edge is None and len(self._edges) >= _MOST_FRAMES:
            raise PoseError(f"there are more frames than {_MOST_FRAMES}; {child!r} is not taken")
        if edge is None or edge.parent != parent or (edge.track is None) != static:
            edge = self._edges[child] = _Edge(
                parent, edge.parent if edge and edge.parent != parent else edge.former if edge else ""
            )
        if static:
            edge.fixed = pose
            return
        if edge.track is None:
            edge.track = PoseTrack(f"{child!r} in {parent!r}", self._gap_ns, self._keep_ns)
        if edge.track.goes_back(stamp_ns):
            self.go_back(stamp_ns)
        edge.track.push(stamp_ns, pose)

    def go_back(self, stamp_ns: int) -> None:
        """Forget each moving transform that is known so far after this time that time must have gone back."""
        for edge in self._edges.values():
            if edge.track is not None:
                edge.track.go_back(stamp_ns)

    def root(self, frame: str) -> str:
        """Return the frame that a frame is below, or the frame itself."""
        return self._line(_plain(frame))[-1]

    def connected(self, target: str, source: str) -> bool:
        """Tell whether transforms join two frames, at whatever time."""
        return self._paths(_plain(target), _plain(source)) is not None

    def lookup(self, target: str, source: str, stamp_ns: int) -> Matrix | NoPose:
        """Return the pose of a frame in another one at a time.

        Args:
            target: the frame that the pose is in.
            source: the frame whose pose is wanted.
            stamp_ns: when; each moving transform on the way is interpolated.

        Returns:
            4 x 4, takes points from source to target.
        """
        target, source = _plain(target), _plain(source)
        paths = self._paths(target, source)
        if paths is None:
            return NoPose("not connected", self._why_not(target, source))
        below, other = (self._along(path, stamp_ns) for path in paths)
        missing = [end for end in (below, other) if isinstance(end, NoPose)]
        if isinstance(below, NoPose) or isinstance(other, NoPose):
            return _worst(missing)
        return motion(below, other)

    def _along(self, frames: Sequence[str], stamp_ns: int) -> Matrix | NoPose:
        """Return the pose of the first frame in the parent of the last; each is the child of the next."""
        pose: Matrix = np.eye(4)
        missing = []
        for frame in frames:
            step = self._edges[frame].at(stamp_ns)
            if isinstance(step, NoPose):
                missing.append(step)
            elif not missing:
                pose = step @ pose
        return _worst(missing) if missing else pose

    def _paths(self, target: str, source: str) -> tuple[list[str], list[str]] | None:
        """Return the frames from source and from target up to the one below that they have in common."""
        up, down = self._line(source), self._line(target)
        common = next((frame for frame in up if frame in down), None)
        return None if common is None else (up[: up.index(common)], down[: down.index(common)])

    def _line(self, frame: str) -> list[str]:
        """Return a frame, its parent, and so on up to the root."""
        line = dict.fromkeys((frame,))
        while frame in self._edges and self._edges[frame].parent not in line:
            frame = self._edges[frame].parent
            line[frame] = None
        return list(line)

    def _why_not(self, target: str, source: str) -> str:
        known = {*self._edges, *(edge.parent for edge in self._edges.values())}

        def place(frame: str) -> str:
            if frame not in known:
                return f"no transform names {frame!r}"
            root = self._line(frame)[-1]
            return f"{frame!r} is a root" if root == frame else f"{frame!r} is below {root!r}"

        return f"no transforms lead from {source!r} to {target!r}: {place(source)}, {place(target)}"


def _plain(frame: str) -> str:
    return frame.lstrip("/")


def _worst(missing: Sequence[NoPose]) -> NoPose:
    return next((answer for answer in missing if answer.final), missing[0])
