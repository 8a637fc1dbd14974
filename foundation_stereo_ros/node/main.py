# SPDX-License-Identifier: Apache-2.0
"""Entry point of ``ros2 run foundation_stereo_ros stereo_node``."""

from __future__ import annotations

import os
import signal
import sys
from collections.abc import Sequence
from typing import Any

from foundation_stereo_ros.pipeline.heap import keep_freed_memory

STOP_S = 1.0
"""How long the end waits for a pair that is in the network."""


def main(args: Sequence[str] | None = None) -> int:
    """Run the node until Ctrl-C, or until its context is shut down.

    Returns:
        0: ended as asked; 1: one line says what is wrong.
    """
    # Before rclpy adds its own handlers, which call these.
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, _InterruptOnce())
    try:
        return _run(args)
    except KeyboardInterrupt:
        return 0


class _InterruptOnce:
    """Raises KeyboardInterrupt for the first signal; more of them must not disturb the end."""

    seen = False

    def __call__(self, *_: Any) -> None:
        if not _InterruptOnce.seen:
            _InterruptOnce.seen = True
            raise KeyboardInterrupt


def _run(args: Sequence[str] | None) -> int:
    keep_freed_memory()
    try:
        import rclpy
        from rclpy.executors import ExternalShutdownException, SingleThreadedExecutor

        from foundation_stereo_ros.errors import ConfigError
        from foundation_stereo_ros.node.stereo_node import StereoNode
    except ImportError as error:
        return _fail(f"{error}; source the setup file of ROS 2, and install what this package needs there")
    try:
        rclpy.init(args=None if args is None else [sys.argv[0], *args])
    except RuntimeError as error:
        return _fail(" ".join(str(error).split()))
    try:
        node = StereoNode()
    except ConfigError as error:
        rclpy.logging.get_logger("stereo_node").fatal(str(error))
        rclpy.shutdown()
        return 1
    try:
        executor = SingleThreadedExecutor()
        executor.add_node(node)
        node.autostart()
        executor.spin()
    except (KeyboardInterrupt, ExternalShutdownException):
        pass
    finally:
        stopped = node.close(STOP_S)
        if rclpy.ok():
            rclpy.shutdown()
        if not stopped:
            # The interpreter cannot end in order with a thread inside the network.
            sys.stdout.flush()
            sys.stderr.flush()
            os._exit(0)
    return 0


def _fail(reason: str) -> int:
    print(f"error: {reason}", file=sys.stderr)
    return 1


if __name__ == "__main__":
    sys.exit(main())
