# SPDX-License-Identifier: Apache-2.0
"""Entry points of ``ros2 run foundation_stereo_ros stereo_node`` and ``video_node``."""

from __future__ import annotations

import sys
import traceback
from collections.abc import Sequence
from pathlib import Path

from foundation_stereo_ros.estimate.heap import keep_freed_memory
from foundation_stereo_ros.ros.live.exit_once import ExitOnce

STOP_S = 1.0
"""How long the end waits for images that are in the network."""


def stereo(args: Sequence[str] | None = None) -> int:
    """Run `stereo_node.StereoNode`, see `main`."""
    return main("stereo", args)


def video(args: Sequence[str] | None = None) -> int:
    """Run `video_node.VideoNode`, see `main`."""
    return main("video", args)


def main(system: str, args: Sequence[str] | None = None) -> int:
    """Run the node of a system until Ctrl-C, or until its context is shut down.

    Args:
        system: ``stereo`` or ``video``.
        args: those of the command line; None: this process's.

    Returns:
        0: ended as asked; 1: one line says what is wrong.
    """
    # Before rclpy adds its own handlers, which call these.
    exit_once = ExitOnce()
    keep_freed_memory()
    try:
        code = _run(system, args)
    except SystemExit:
        code = 0
    except Exception:
        # A signal that comes inside the C++ of rclpy ends it by an exception of its own.
        if not exit_once.seen:
            raise
        code = 0
    exit_once.leave()
    return code


def _run(system: str, args: Sequence[str] | None) -> int:
    try:
        import rclpy
        from rclpy.executors import ExternalShutdownException, SingleThreadedExecutor

        from foundation_stereo_ros.errors import ConfigError
        from foundation_stereo_ros.ros.live.repeats import PACE_S, Repeats
        from foundation_stereo_ros.ros.node.live_node import LiveNode
        from foundation_stereo_ros.ros.node.stereo_node import StereoNode
        from foundation_stereo_ros.ros.node.video_node import VideoNode
    except ImportError as error:
        return _fail(f"{error}; source the setup file of ROS 2, and install what this package needs there")
    try:
        rclpy.init(args=None if args is None else [sys.argv[0], *args])
    except RuntimeError as error:
        return _fail(" ".join(str(error).split()))
    try:
        node: LiveNode = VideoNode() if system == "video" else StereoNode()
    except ConfigError:  # the node has said why
        rclpy.shutdown()
        return 1
    try:
        executor = SingleThreadedExecutor()
        executor.add_node(node)
        node.autostart()
        repeats = Repeats(pace=PACE_S)
        while rclpy.ok():
            try:
                executor.spin()
            except ExternalShutdownException:
                raise
            except Exception as error:
                # One message that could not be read, or answer that could not be sent, is no reason to end;
                # nor is a /clock before 1970, at which rclpy raises.
                if line := repeats.line(_with_place(error)):
                    node.get_logger().error(line)
    except (SystemExit, ExternalShutdownException):
        pass
    finally:
        node.close(STOP_S)
        node.destroy_node()
        if rclpy.ok():
            rclpy.shutdown()
    return 0


def _with_place(error: Exception) -> str:
    """Return what an error says, and where it was raised."""
    text = " ".join(f"{type(error).__name__}: {error}".split())
    place = traceback.extract_tb(error.__traceback__)[-1]
    return f"{text} ({'/'.join(Path(place.filename).parts[-2:])}:{place.lineno})"


def _fail(reason: str) -> int:
    print(f"error: {reason}", file=sys.stderr)
    return 1


if __name__ == "__main__":
    sys.exit(main("video" if sys.argv[1:2] == ["video"] else "stereo"))
