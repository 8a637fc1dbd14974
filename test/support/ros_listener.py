# SPDX-License-Identifier: Apache-2.0
"""A node in the test's own process: what it hears, and services that it calls."""

from __future__ import annotations

from collections.abc import Callable
from threading import Condition, Event, Thread
from typing import Any

import rclpy
from rclpy.executors import SingleThreadedExecutor
from rclpy.qos import QoSProfile
from waiting import PATIENCE_S


class Inbox:
    """Messages of one topic, in the order in which they came.

    Attributes:
        keep: how many are kept, the newest ones; 0: all.
        on_message: called after each.
    """

    def __init__(self, topic: str) -> None:
        self.topic = topic
        self.keep = 0
        self.messages: list[Any] = []
        self.on_message: Callable[[], None] = lambda: None
        self.subscription: Any = None
        self._changed = Condition()

    def add(self, message: Any) -> None:
        with self._changed:
            self.messages.append(message)
            del self.messages[: -self.keep]
            self._changed.notify_all()
        self.on_message()

    def wait_for(
        self, suits: Callable[[Any], bool] = lambda _: True, *, count: int = 1, timeout: float = PATIENCE_S
    ) -> Any:
        """Wait until so many messages suit, of all so far; return the last of them."""

        def found() -> list[Any]:
            return [message for message in self.messages if suits(message)]

        with self._changed:
            there = self._changed.wait_for(lambda: len(found()) >= count, timeout)
            assert there, (
                f"{self.topic}: {len(found())} of {count} such messages, {len(self.messages)} in all"
            )
            return found()[-1]

    def next(self, suits: Callable[[Any], bool] = lambda _: True, *, count: int = 1) -> Any:
        """Wait for so many messages that are still to come; return the last of them."""
        self.clear()
        return self.wait_for(suits, count=count)

    def clear(self) -> None:
        with self._changed:
            self.messages.clear()

    @property
    def stamps(self) -> list[int]:
        """Stamps of the messages so far, nanoseconds."""
        with self._changed:
            return [stamp_of(message) for message in self.messages]


class Listener:
    """A node that spins in a thread.

    Args:
        domain: of ROS.
    """

    def __init__(self, domain: int) -> None:
        self._context = rclpy.Context()
        rclpy.init(context=self._context, domain_id=domain)
        self.node = rclpy.create_node("listener", context=self._context)
        self._executor = SingleThreadedExecutor(context=self._context)
        self._executor.add_node(self.node)
        self._thread = Thread(target=self._spin, daemon=True)
        self._ended = Event()
        self._thread.start()

    def _spin(self) -> None:
        while not self._ended.is_set():
            self._executor.spin_once(timeout_sec=0.1)

    def hear(self, topic: str, kind: type, qos: QoSProfile | int = 10) -> Inbox:
        """Subscribe."""
        inbox = Inbox(topic)
        inbox.subscription = self.node.create_subscription(kind, topic, inbox.add, qos)
        return inbox

    def stop_hearing(self, inbox: Inbox) -> None:
        self.node.destroy_subscription(inbox.subscription)

    def call(self, kind: Any, name: str, **fields: Any) -> Any:
        """Call a service, and return its response."""
        client = self.node.create_client(kind, name)
        try:
            assert client.wait_for_service(PATIENCE_S), f"no service {name}"
            answered = Event()
            future = client.call_async(kind.Request(**fields))
            future.add_done_callback(lambda _: answered.set())
            assert answered.wait(PATIENCE_S), f"{name} does not answer"
            return future.result()
        finally:
            self.node.destroy_client(client)

    def close(self) -> None:
        self._ended.set()
        self._thread.join()
        self._executor.shutdown()
        self.node.destroy_node()
        rclpy.shutdown(context=self._context)


def stamp_of(message: Any) -> int:
    """Return a message's stamp in nanoseconds."""
    return int(message.header.stamp.sec) * 1_000_000_000 + int(message.header.stamp.nanosec)
