# SPDX-License-Identifier: Apache-2.0
"""Subscriptions, and the one thread that takes their messages."""

from __future__ import annotations

import logging
from collections.abc import Callable
from threading import Event, Lock, Thread, current_thread

from cyclonedds.core import DDSException, InstanceState, ReadCondition, SampleState, ViewState, WaitSet
from cyclonedds.domain import DomainParticipant
from cyclonedds.sub import DataReader

from foundation_stereo_ros.ros.dds.engine import delete
from foundation_stereo_ros.ros.dds.qos import policy_name
from foundation_stereo_ros.ros.dds.wire_types import RawMessage
from foundation_stereo_ros.ros.live.repeats import Repeats, with_count

_log = logging.getLogger(__name__)

OnData = Callable[[bytes, int], None]
"""Gets a message's CDR with the four bytes before it, and when it was published, nanoseconds since 1970."""

_TICK_S = 0.1
_AT_ONCE = 64


class Subscription:
    """A topic that messages are taken from.

    Args:
        topic: full name in ROS.
        msgtype: as in "sensor_msgs/msg/Image".
        reader: of that topic, with a type out of `wire_types`.
        on_data: called in the receiver's thread.
    """

    def __init__(self, topic: str, msgtype: str, reader: DataReader[RawMessage], on_data: OnData) -> None:
        self.topic, self.msgtype, self.reader = topic, msgtype, reader
        self._on_data = on_data
        anything = SampleState.NotRead | ViewState.Any | InstanceState.Any
        self.condition = ReadCondition(reader, anything)

    @property
    def publishers(self) -> int:
        """How many publishers it is connected to."""
        return int(self.reader.get_subscription_matched_status().current_count)

    @property
    def lost(self) -> int:
        """How many messages were lost on the way."""
        return int(self.reader.get_sample_lost_status().total_count)

    def incompatible(self) -> str:
        """Return the policy on which a publisher differs that came since the last call; empty: none."""
        status = self.reader.get_requested_incompatible_qos_status()
        return policy_name(status.last_policy_id) if status.total_count_change > 0 else ""

    def take(self) -> None:
        """Hand over all messages that are there."""
        while samples := self.reader.take(_AT_ONCE):
            for sample in samples:
                # The others tell that a publisher has gone.
                if isinstance(sample, RawMessage):
                    self._on_data(sample.data, sample.sample_info.source_timestamp)


class Receiver:
    """Waits for messages of all subscriptions, in a thread named "dds-receiver".

    Args:
        participant: theirs.
        on_tick: called in that thread, some times a second.
    """

    def __init__(self, participant: DomainParticipant, on_tick: Callable[[], None]) -> None:
        self._waitset = WaitSet(participant)
        self._on_tick = on_tick
        self._subscriptions: tuple[Subscription, ...] = ()
        self._lock = Lock()
        self._closing = Event()
        self._repeats = Repeats()
        self._thread = Thread(target=self._run, name="dds-receiver", daemon=True)
        self._thread.start()

    def add(self, subscription: Subscription) -> None:
        """Take this subscription's messages too."""
        with self._lock:
            self._subscriptions += (subscription,)
            self._waitset.attach(subscription.condition)

    def remove(self, subscription: Subscription) -> None:
        """Leave it alone from now on, and end it."""
        with self._lock:
            self._subscriptions = tuple(s for s in self._subscriptions if s is not subscription)
            self._waitset.detach(subscription.condition)
            delete(subscription.reader)

    def close(self) -> None:
        """End the thread."""
        self._closing.set()
        if current_thread() is not self._thread:
            self._thread.join()

    def _run(self) -> None:
        while not self._closing.is_set():
            self._guard(self._wait)
            for subscription in self._subscriptions:
                self._guard(subscription.take)
            self._guard(self._on_tick)

    def _wait(self) -> None:
        self._waitset.wait(round(_TICK_S * 1e9))

    def _guard(self, step: Callable[[], object]) -> None:
        try:
            step()
        except Exception as error:
            # Nobody else would tell of it; a subscription that was just removed may fail once.
            if self._closing.is_set() or isinstance(error, DDSException):
                return
            count = self._repeats.due(f"{type(error).__name__}: {error}")
            if count:
                _log.exception("%s", with_count("a received message could not be handled", count))
