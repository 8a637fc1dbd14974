# SPDX-License-Identifier: Apache-2.0
"""The service ~/save: the next result to a folder."""

from __future__ import annotations

from concurrent.futures import Future as WorkerFuture
from pathlib import Path
from typing import TYPE_CHECKING

from rclpy.callback_groups import ReentrantCallbackGroup
from rclpy.clock import Clock
from rclpy.task import Future
from std_srvs.srv import Trigger

if TYPE_CHECKING:
    from foundation_stereo_ros.ros.node.stereo_node import StereoNode

WAIT_S = 10.0


class SaveService:
    """Answers when the next result is written, or after `WAIT_S` with why there is none.

    Args:
        node: that offers it.
        clock: for the waiting.
    """

    def __init__(self, node: StereoNode, clock: Clock) -> None:
        self._node = node
        self._clock = clock
        # A group of its own: while the answer waits, its group's other callbacks may run only if it is
        # reentrant, and everything else goes on in the default group.
        self._group = ReentrantCallbackGroup()
        node.create_service(Trigger, "~/save", self._answer, callback_group=self._group)

    async def _answer(self, request: Trigger.Request, response: Trigger.Response) -> Trigger.Response:
        core = self._node.running
        if core is None:
            response.message = "nothing to save: the node is not active"
            return response
        saving = core.save_next()
        await self._finished(saving)
        if not saving.done() and (saving.cancel() or not saving.done()):
            response.message = f"no result within {WAIT_S:g} s: {self._node.status().message}"
            return response
        response.success, response.message = _outcome(saving)
        return response

    async def _finished(self, saving: WorkerFuture[list[Path]]) -> None:
        over = Future()

        def finish() -> None:
            if not over.done():
                over.set_result(None)

        def tell(_: WorkerFuture[list[Path]]) -> None:
            # In the worker's thread. A task, and not the result itself, since that alone wakes the executor.
            executor = self._node.executor
            if executor is not None and self._node.context.ok():
                executor.create_task(finish)

        timer = self._node.create_timer(WAIT_S, finish, callback_group=self._group, clock=self._clock)
        saving.add_done_callback(tell)
        try:
            await over
        finally:
            self._node.destroy_timer(timer)


def _outcome(saving: WorkerFuture[list[Path]]) -> tuple[bool, str]:
    if saving.cancelled():
        return False, "not saved: the node was deactivated"
    error = saving.exception()
    if error is not None:
        return False, f"not saved: {error}"
    return True, str(saving.result()[0].parent)
