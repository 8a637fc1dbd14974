# SPDX-License-Identifier: Apache-2.0
"""The package's log through the node's logger, so that warnings reach the console and /rosout."""

from __future__ import annotations

import logging
from typing import Any

PACKAGE = "foundation_stereo_ros"


class RosLogHandler(logging.Handler):
    """Hands the records of Python's logging to a logger of rclpy.

    Args:
        logger: the node's.
    """

    def __init__(self, logger: Any) -> None:
        super().__init__()
        self._logger = logger

    def emit(self, record: logging.LogRecord) -> None:
        """Log one record at the nearest severity of ROS."""
        try:
            text = self.format(record)
            # A line for each severity: rclpy remembers the severity of the line that calls it, and refuses
            # another one.
            if record.levelno >= logging.CRITICAL:
                self._logger.fatal(text)
            elif record.levelno >= logging.ERROR:
                self._logger.error(text)
            elif record.levelno >= logging.WARNING:
                self._logger.warning(text)
            elif record.levelno >= logging.INFO:
                self._logger.info(text)
            else:
                self._logger.debug(text)
        except Exception:
            self.handleError(record)


def bridge_logs(logger: Any) -> RosLogHandler:
    """Send the package's log to this logger, which also decides how much of it is shown."""
    handler = RosLogHandler(logger)
    package = logging.getLogger(PACKAGE)
    package.addHandler(handler)
    package.setLevel(logging.DEBUG)
    package.propagate = False
    return handler


def unbridge_logs(handler: RosLogHandler) -> None:
    """Undo `bridge_logs`."""
    package = logging.getLogger(PACKAGE)
    package.removeHandler(handler)
    package.setLevel(logging.NOTSET)
    package.propagate = True
