# SPDX-License-Identifier: Apache-2.0
"""Topics of the wire into a recording, as they come."""

from __future__ import annotations

import logging
from collections.abc import Collection
from contextlib import suppress
from functools import partial
from queue import Empty, SimpleQueue
from time import time_ns

from foundation_stereo_ros.errors import WireError
from foundation_stereo_ros.ros.bags import qos
from foundation_stereo_ros.ros.bags.storage import RecordedMessage
from foundation_stereo_ros.ros.bags.writer import FLUSH_S, BagWriter
from foundation_stereo_ros.ros.dds.graph import Endpoint
from foundation_stereo_ros.ros.dds.qos import Profile
from foundation_stereo_ros.ros.dds.wire import Wire
from foundation_stereo_ros.ros.messages.cdr import schema_of, type_hash
from foundation_stereo_ros.ros.messages.topics import Topic

_log = logging.getLogger(__name__)

_DEPTH = 100
_MOST_WAITING = 1000


def noted(profile: Profile) -> str:
    """Return a profile as recordings note it."""
    return qos.offered_profile(profile.depth or 1, reliable=profile.reliable, latched=profile.latched)


class Recorder:
    """Subscribes to topics as they appear, and writes their messages.

    Args:
        wire: that subscribes.
        writer: gets the messages.
        topics: full names; empty: all.

    Attributes:
        dropped: messages that came faster than they could be written.
    """

    def __init__(self, wire: Wire, writer: BagWriter, topics: Collection[str] = ()) -> None:
        self._wire, self._writer, self._wanted = wire, writer, frozenset(topics)
        self._known: set[tuple[str, str]] = set()
        self._waiting: SimpleQueue[RecordedMessage] = SimpleQueue()
        self.dropped = 0

    def look(self) -> list[str]:
        """Subscribe to what is new; returns the topics."""
        endpoints: dict[tuple[str, str], list[Endpoint]] = {}
        for endpoint in self._wire.graph.publishers():
            key = (endpoint.topic, endpoint.msgtype)
            if key not in self._known and (not self._wanted or endpoint.topic in self._wanted):
                endpoints.setdefault(key, []).append(endpoint)
        added = [self._add(topic, msgtype, found) for (topic, msgtype), found in endpoints.items()]
        return sorted(topic for topic in added if topic)

    def write(self, timeout: float) -> None:
        """Write what has come, for so many seconds at least if nothing has.

        Raises:
            BagError: the recording cannot be written.
        """
        with suppress(Empty):
            self._writer.copy(self._waiting.get(timeout=timeout))
            # No more than there are now: others may come as fast as these are written.
            for _ in range(self._waiting.qsize()):
                self._writer.copy(self._waiting.get_nowait())
        self._writer.flush(FLUSH_S)

    def _add(self, topic: str, msgtype: str, publishers: list[Endpoint]) -> str:
        self._known.add((topic, msgtype))
        # What all of them offer: less reliable ones would not be heard otherwise.
        profile = Profile(
            all(p.profile.reliable for p in publishers), all(p.profile.latched for p in publishers), _DEPTH
        )
        metadata = {qos.KEY: noted(publishers[0].profile), "topic_type_hash": type_hash(msgtype)}
        recorded = Topic(topic, schema_of(msgtype), metadata=metadata)
        try:
            self._wire.subscription(topic, msgtype, profile, partial(self._keep, recorded))
        except WireError as error:
            _log.warning("%s is not recorded: %s", topic, error)
            return ""
        return topic

    def _keep(self, topic: Topic, data: bytes, published_ns: int) -> None:
        if self._waiting.qsize() >= _MOST_WAITING:
            self.dropped += 1
        else:
            self._waiting.put(RecordedMessage(topic, time_ns(), published_ns, 0, data))
