# SPDX-License-Identifier: Apache-2.0
"""The service ~/save: the next result to a folder."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import Future as LiveFuture
from pathlib import Path
from typing import Any

from rclpy.callback_groups import ReentrantCallbackGroup
from rclpy.clock import Clock
from rclpy.node import Node
from rclpy.task import Future
from std_srvs.srv import Trigger

from foundation_stereo_ros.ros.live.core import Live

WAIT_S = 10.0


class SaveService:
    """Answers when the next result is written, or after `WAIT_S` with why there is none.

    Args:
        node: that offers it.
        running: returns the live core while the node is active, otherwise None.
        why: says how it goes, for an answer without a result.
        clock: for the waiting.
    """

    def __init__(
        self, node: Node, running: Callable[[], Live[Any] | None], why: Callable[[], str], clock: Clock
    ) -> None:
        self._node, self._running, self._why, self._clock = node, running, why, clock
        # A group of its own: while the answer waits, its group's other callbacks may run only if it is
        # reentrant, and everything else goes on in the default group.
        self._group = ReentrantCallbackGroup()
        node.create_service(Trigger, "~/save", self._answer, callback_group=self._group)

    async def _answer(self, request: Any, response: Any) -> Any:
        core = self._running()
        if core is None:
            response.message = "nothing to save: the node is not active"
            return response
        saving = core.worker.save_next()
        await self._finished(saving)
        if not saving.done() and saving.cancel():
            response.message = f"no result within {WAIT_S:g} s: {self._why()}"
        elif not saving.done():
            response.message = f"the result is not written after {WAIT_S:g} s; the log will say when it is"
        else:
            response.success, response.message = _outcome(saving)
        return response

    async def _finished(self, saving: LiveFuture[list[Path]]) -> None:
        over = Future()

        def finish() -> None:
            if not over.done():
                over.set_result(None)

        def tell(_: LiveFuture[list[Path]]) -> None:
            # In another thread. A task, and not the result itself, since that alone wakes the executor.
            executor = self._node.executor
            if executor is not None and self._node.context.ok():
                executor.create_task(finish)

        timer = self._node.create_timer(WAIT_S, finish, callback_group=self._group, clock=self._clock)
        saving.add_done_callback(tell)
        try:
            await over
        finally:
            self._node.destroy_timer(timer)


def _outcome(saving: LiveFuture[list[Path]]) -> tuple[bool, str]:
    if saving.cancelled():
        return False, "not saved: the node was deactivated"
    error = saving.exception()
    if error is not None:
        return False, f"not saved: {error}"
    return True, str(saving.result()[0].parent)
