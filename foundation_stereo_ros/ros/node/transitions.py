# SPDX-License-Identifier: Apache-2.0
"""What rclpy leaves undone about lifecycle transitions."""

from __future__ import annotations

import logging
from typing import Any

from rclpy.impl.implementation_singleton import rclpy_implementation
from rclpy.lifecycle import LifecycleNode

from foundation_stereo_ros.errors import FoundationStereoError

_log = logging.getLogger(__name__)


def refuse_impossible_transitions(node: LifecycleNode) -> None:
    """Answer a request for a transition that the state does not have with "no success".

    rclpy raises out of its executor instead, and leaves the caller waiting.
    """
    service = getattr(node, "_service_change_state", None)
    if service is None:
        return
    change_state = service.callback

    def answer(request: Any, response: Any) -> Any:
        try:
            return change_state(request, response)
        except rclpy_implementation.RCLError as error:
            _log.warning(
                "the node cannot make this transition in its present state: %s", " ".join(str(error).split())
            )
            response.success = False
            return response

    service.callback = answer


def failure(what: str, error: Exception) -> str:
    """Log why a transition failed, and return it; rclpy swallows exceptions in transitions."""
    if isinstance(error, FoundationStereoError):
        reason = f"cannot {what}: {error}"
        _log.error("%s", reason)
    else:
        reason = f"cannot {what}: {type(error).__name__}: {error}"
        _log.error("%s", reason, exc_info=error)
    return reason
