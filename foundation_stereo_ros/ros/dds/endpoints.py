# SPDX-License-Identifier: Apache-2.0
"""Publishers and subscriptions of messages as bytes, and the one thread that takes what comes."""

from __future__ import annotations

import ctypes
import logging
from collections.abc import Callable
from functools import partial
from threading import Event, Lock, Thread, current_thread
from typing import Any

import numpy as np
from cyclonedds.core import (
    DDSException,
    Entity,
    InstanceState,
    ReadCondition,
    SampleState,
    ViewState,
    WaitSet,
)
from cyclonedds.domain import DomainParticipant
from cyclonedds.internal import DDS
from cyclonedds.pub import DataWriter
from cyclonedds.sub import DataReader
from cyclonedds.topic import Sample

from foundation_stereo_ros.errors import BagError, WireError
from foundation_stereo_ros.ros.dds.qos import policy_name
from foundation_stereo_ros.ros.dds.wire_types import RawMessage
from foundation_stereo_ros.ros.live.repeats import PACE_S, Repeats
from foundation_stereo_ros.ros.messages.cdr import serialize

_log = logging.getLogger(__name__)

OnData = Callable[[bytes, int], None]
"""Gets a message's CDR with the four bytes before it, and when it was published, nanoseconds since 1970."""

_TICK_S = 0.1
_AT_ONCE = 64
_TIMED_OUT = DDSException.DDS_RETCODE_TIMEOUT
_MULTIPLE = 4
_HEADER = 4

# Prototypes of our own: those of the package belong to its classes.
_dds_write = ctypes.CFUNCTYPE(ctypes.c_int32, ctypes.c_int32, ctypes.c_void_p)(("dds_write", DDS._dll_handle))
_dds_delete = ctypes.CFUNCTYPE(ctypes.c_int32, ctypes.c_int32)(("dds_delete", DDS._dll_handle))


def write(writer: Entity, data: bytes | bytearray | memoryview) -> bool:
    """Send a message as it is; other threads of Python run meanwhile, as it may wait for slow subscribers.

    Args:
        writer: of a type out of `wire_types`.
        data: CDR with the four bytes before it.

    Returns:
        False where a reliable subscriber did not keep up; the message is not sent then.

    Raises:
        DDSException: anything else.
    """
    flat = np.frombuffer(data, np.uint8)
    if flat.size % _MULTIPLE:
        # What follows a message on the wire begins at a multiple; ROS pads as well.
        flat = np.concatenate([flat, np.zeros(-flat.size % _MULTIPLE, np.uint8)])
    sample: Any = Sample(flat.ctypes.data, flat.size)
    result = _dds_write(writer._ref, ctypes.byref(sample))
    if result < 0 and result != _TIMED_OUT:
        raise DDSException(result, f"Occurred while writing sample in {writer!r}")
    return bool(result == 0)


def delete(entity: Entity) -> None:
    """Delete an entity and all that belongs to it now, and not once nobody in Python refers to it."""
    _dds_delete(entity._ref)


class Publisher:
    """Publishes messages of one type.

    Args:
        topic: full name in ROS.
        msgtype: as in "sensor_msgs/msg/Image".
        writer: of that topic, with a type out of `wire_types`.

    Attributes:
        refused: how many messages were not sent because a reliable subscriber did not keep up.
    """

    def __init__(self, topic: str, msgtype: str, writer: DataWriter[Any]) -> None:
        self.topic, self.msgtype, self.writer = topic, msgtype, writer
        self.refused = 0

    @property
    def subscribers(self) -> int:
        """How many subscribers there are now."""
        return int(self.writer.get_publication_matched_status().current_count)

    def publish(self, data: bytes | bytearray | memoryview) -> None:
        """Publish a message: its CDR with the four bytes before it.

        Raises:
            WireError: it is no such message, or the participant is closed.
        """
        if len(data) < _HEADER:
            raise WireError(
                f"{self.topic}: a {self.msgtype} has {len(data)} bytes; expected {_HEADER} or more"
            )
        try:
            self.refused += not write(self.writer, data)
        except DDSException as error:
            raise WireError(f"{self.topic}: a {self.msgtype} could not be sent: {error}") from error

    def send(self, message: Any) -> None:
        """Publish a message object.

        Raises:
            BagError: it does not fit the type.
            WireError: the participant is closed.
        """
        self.publish(serialize(message, self.msgtype))

    def incompatible(self) -> str:
        """Return the policy on which a subscriber differs that came since the last call; empty: none."""
        status = self.writer.get_offered_incompatible_qos_status()
        return policy_name(status.last_policy_id) if status.total_count_change > 0 else ""

    def wait_for_acknowledgments(self, timeout: float) -> bool:
        """Wait until reliable subscribers have all messages; return whether they do after so many seconds."""
        try:
            return bool(self.writer.wait_for_acks(round(timeout * 1e9)))
        except (DDSException, AttributeError):
            # The package's own mapping of "timed out" fails in some releases.
            return False


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

    def take(self, guard: Callable[[Callable[[], object]], None]) -> None:
        """Hand over all messages that are there.

        Args:
            guard: does a step, whatever it raises: what is wrong with one message is nothing to the others.
        """
        while samples := self.reader.take(_AT_ONCE):
            for sample in samples:
                # The others tell that a publisher has gone.
                if isinstance(sample, RawMessage):
                    guard(partial(self._on_data, sample.data, sample.sample_info.source_timestamp))


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
        self._repeats = Repeats(pace=PACE_S)
        self._thread = Thread(target=self._run, name="dds-receiver", daemon=True)
        self._thread.start()

    def add(self, subscription: Subscription) -> None:
        """Take this subscription's messages too."""
        with self._lock:
            self._subscriptions += (subscription,)
            self._waitset.attach(subscription.condition)

    def close(self) -> None:
        """End the thread."""
        self._closing.set()
        if current_thread() is not self._thread:
            self._thread.join()

    def _run(self) -> None:
        while not self._closing.is_set():
            self._guard(self._wait)
            for subscription in self._subscriptions:
                self._guard(partial(subscription.take, self._guard))
            self._guard(self._on_tick)

    def _wait(self) -> None:
        self._waitset.wait(round(_TICK_S * 1e9))

    def _guard(self, step: Callable[[], object]) -> None:
        try:
            step()
        except BagError as error:
            if line := self._repeats.line(str(error)):
                _log.warning("message dropped: %s", line)
        except Exception as error:
            # Nobody else would tell of it; what was just deleted may fail once.
            if self._closing.is_set() or isinstance(error, DDSException):
                return
            key = f"{type(error).__name__}: {error}"
            if line := self._repeats.line("a received message could not be handled", key):
                _log.exception("%s", line)
