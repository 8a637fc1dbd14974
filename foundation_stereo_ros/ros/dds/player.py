# SPDX-License-Identifier: Apache-2.0
"""A recording on the wire, at its own pace."""

from __future__ import annotations

import logging
from collections.abc import Callable, Collection, Iterator
from dataclasses import dataclass, replace
from itertools import groupby
from time import monotonic, time_ns
from typing import NamedTuple

from foundation_stereo_ros.errors import WireError
from foundation_stereo_ros.ros.bags import qos
from foundation_stereo_ros.ros.bags.reader import Recording
from foundation_stereo_ros.ros.bags.storage import RecordedMessage
from foundation_stereo_ros.ros.dds.endpoints import Publisher
from foundation_stereo_ros.ros.dds.qos import LARGEST_DEPTH, Profile
from foundation_stereo_ros.ros.dds.wire import CLOCK_TOPIC, Wire
from foundation_stereo_ros.ros.messages.cdr import CLOCK, message_types, store_of, typestore
from foundation_stereo_ros.ros.messages.stamps import time_of
from foundation_stereo_ros.ros.messages.topics import Topic

_log = logging.getLogger(__name__)

_MOST_LATCHED = 100


@dataclass(frozen=True)
class PlayOptions:
    """How to play.

    Attributes:
        rate: speed; 2 is twice as fast.
        start_offset: seconds of the recording to leave out.
        duration: seconds of it to play; None: all.
        topics: to play; empty: all.
        clock_hz: how often to publish /clock; 0: not at all.
        reliable: publish reliably, also what was recorded with best effort.
    """

    rate: float = 1.0
    start_offset: float = 0.0
    duration: float | None = None
    topics: tuple[str, ...] = ()
    clock_hz: float = 0.0
    reliable: bool = False


class Moment(NamedTuple):
    """Messages of one time in a recording.

    Attributes:
        log_time: theirs, nanoseconds.
        written_ns: when the first of them was about to go out, nanoseconds since 1970.
    """

    log_time: int
    written_ns: int


def of_recording(noted: qos.Offered) -> Profile:
    """Return the profile that a replay offers."""
    return Profile(noted.reliable, noted.latched, min(max(1, noted.depth), LARGEST_DEPTH))


class Player:
    """Publishes a recording's messages as they are in it, with its quality of service.

    Args:
        wire: that publishes.
        recording: to play.
        options: how.
        sleep: waits for so many seconds; may raise what ends the play.

    Attributes:
        played: messages so far.
        damaged: those that could not be sent.
        notices: what is left out, and why.

    Raises:
        WireError: there is nothing to play.
    """

    def __init__(
        self, wire: Wire, recording: Recording, options: PlayOptions, sleep: Callable[[float], object]
    ) -> None:
        self._recording, self._options, self._sleep = recording, options, sleep
        self.played = self.damaged = 0
        self.notices: list[str] = []
        self._publishers = {topic: p for topic in recording.topics if (p := self._publisher(wire, topic))}
        if not self._publishers:
            raise WireError(f"nothing to play in {recording.path}: {'; '.join(self.notices) or 'no topics'}")
        self._clock = wire.publisher(CLOCK_TOPIC, CLOCK, Profile(depth=1)) if options.clock_hz else None

    @property
    def topics(self) -> Collection[str]:
        """Names of the topics that are played."""
        return [topic.name for topic in self._publishers]

    def play(self) -> None:
        """Play once, from the beginning."""
        begin: tuple[float, int] | None = None
        for message in self._messages():
            begin = begin or (monotonic(), self._start if self._options.start_offset else message.log_time)
            self._wait_for(message.log_time, *begin)
            self._publish(message)

    def moments(self) -> Iterator[Moment]:
        """Play once, from the beginning, at the caller's pace: a moment each time that it asks for the next.

        Yields:
            What was just published.
        """
        for log_time, group in groupby(self._messages(), key=lambda message: message.log_time):
            # Read first: the time that takes is none of theirs on the wire.
            messages = list(group)
            written_ns = time_ns()
            for message in messages:
                self._publish(message)
            yield Moment(log_time, written_ns)

    def finish(self, timeout: float) -> None:
        """Wait so many seconds at most until reliable subscribers have everything."""
        end = monotonic() + timeout
        for publisher in self._publishers.values():
            publisher.wait_for_acknowledgments(max(0.0, end - monotonic()))

    @property
    def _start(self) -> int:
        return self._recording.start_ns + round(self._options.start_offset * 1e9)

    def _messages(self) -> Iterator[RecordedMessage]:
        options, start = self._options, self._start
        names = {topic.name for topic in self._publishers}
        stop = None if options.duration is None else start + round(options.duration * 1e9)
        return self._recording.messages(names, start if options.start_offset else None, stop)

    def _publish(self, message: RecordedMessage) -> None:
        publisher = self._publishers.get(message.topic)
        if publisher is None:
            return
        try:
            publisher.publish(message.data)
            self.played += 1
        except WireError as error:
            # As in the recording, which need not end here.
            self.damaged += 1
            if self.damaged == 1:
                _log.warning("a damaged message is left out: %s", error)

    def _wait_for(self, log_time: int, began: float, first: int) -> None:
        """Sleep until a message is due, and keep the clock going meanwhile."""
        rate, hz = self._options.rate, self._options.clock_hz
        while True:
            now = first + round((monotonic() - began) * rate * 1e9)
            self._tell(min(now, log_time))
            left = (log_time - now) / 1e9 / rate
            if left <= 0:
                return
            self._sleep(min(left, 1 / hz) if hz else left)

    def _tell(self, now_ns: int) -> None:
        if self._clock is not None:
            self._clock.send(typestore().types[CLOCK](time_of(message_types(), now_ns)))

    def _publisher(self, wire: Wire, topic: Topic) -> Publisher | None:
        chosen = self._options.topics
        if (chosen and topic.name not in chosen) or (self._options.clock_hz and topic.name == CLOCK_TOPIC):
            return None
        if topic.encoding != "cdr":
            self.notices.append(f"{topic.name} is left out: its messages are {topic.encoding!r}")
            return None
        profile = of_recording(qos.offered(topic.metadata.get(qos.KEY, "")))
        if profile.latched:
            # Each message may be of another publisher, as on /tf_static, and is for all who come later.
            profile = replace(profile, depth=max(profile.depth, min(topic.count or 0, _MOST_LATCHED)))
        if self._options.reliable:
            profile = replace(profile, reliable=True)
        try:
            return wire.publisher(topic.name, topic.msgtype, profile, store_of(topic.schema))
        except WireError as error:
            self.notices.append(f"{topic.name} is left out: {error}")
            return None
