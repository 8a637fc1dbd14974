# SPDX-License-Identifier: Apache-2.0
"""The topics of a live node: its subscriptions, whose messages are decoded and stored, and its publishers."""

from __future__ import annotations

import logging
from collections.abc import Callable, Collection, Mapping, Sequence
from typing import Any

from foundation_stereo_ros.ros.dds.endpoints import Subscription
from foundation_stereo_ros.ros.dds.environment import receive_buffer_advice
from foundation_stereo_ros.ros.dds.qos import LATCHED, RESULTS, Profile, overridden
from foundation_stereo_ros.ros.dds.wire import Wire
from foundation_stereo_ros.ros.live.advice import TopicFacts, mismatch
from foundation_stereo_ros.ros.live.inputs import Input
from foundation_stereo_ros.ros.live.topics import POSES_DEPTH
from foundation_stereo_ros.ros.messages.outputs import Output

_log = logging.getLogger(__name__)


class Inputs:
    """Subscriptions to a node's inputs.

    Args:
        wire: that subscribes.
        inputs: what to; the topics are full names.
        profile: what to ask for of images.
        parameters: may hold qos_overrides.

    Raises:
        ConfigError: an unknown policy or value of quality of service.
    """

    def __init__(
        self, wire: Wire, inputs: Sequence[Input], profile: Profile, parameters: Mapping[str, Any]
    ) -> None:
        self._wire, self._inputs, self._parameters = wire, inputs, parameters
        self._profiles = {
            "images": profile,
            "poses": Profile(reliable=False, depth=POSES_DEPTH),
            "transforms": Profile(depth=POSES_DEPTH),
            "latched": Profile(depth=POSES_DEPTH, latched=True),
        }
        self._subscriptions: dict[str, Subscription] = {}
        self._latched: dict[str, Subscription] = {}
        self._incompatible: dict[str, str] = {}
        self._told_of_loss = False
        for one in inputs:
            if len(one.msgtypes) == 1:
                self._subscribe(one, one.msgtypes[0])

    @property
    def lost(self) -> int:
        """How many messages were lost on the way."""
        return sum(subscription.lost for subscription in self._subscriptions.values())

    def facts(self) -> dict[str, TopicFacts]:
        """Return what is known about the topics: input -> facts; logs what has become known.

        Subscribes to what has become known: latched calibrations, and topics of several possible types.
        """
        types: dict[str, list[str]] = {}
        latched = set()
        for publisher in self._wire.graph.publishers():
            types.setdefault(publisher.topic, []).append(publisher.msgtype)
            if publisher.profile.latched and publisher.profile.reliable:
                latched.add(publisher.topic)
        for one in self._inputs:
            if one.name not in self._subscriptions:
                found = next((kind for kind in types.get(one.topic, []) if kind in one.msgtypes), "")
                if found:
                    self._subscribe(one, found)
            elif one.latched is not None and one.topic in latched:
                self._subscribe_latched(one, one.latched)
        self._tell_of_loss()
        return {one.name: self._facts(one, types.get(one.topic, [])) for one in self._inputs}

    def _subscribe_latched(self, one: Input, store: Callable[[Any], None]) -> None:
        """Get what was published before this node came, where a publisher keeps it.

        Such a subscription gets nothing from other publishers, and their nodes would log a warning. So it
        comes beside the usual one, and only once there is a publisher that it suits.
        """
        if one.name not in self._latched:
            self._latched[one.name] = self._wire.listen(one.topic, one.msgtypes[0], LATCHED, store)

    def _subscribe(self, one: Input, kind: str) -> None:
        profile = overridden(self._profiles[one.quality], self._parameters, one.topic, "subscription")
        self._subscriptions[one.name] = self._wire.listen(one.topic, kind, profile, one.store)

    def _facts(self, one: Input, types: list[str]) -> TopicFacts:
        subscription = self._subscriptions.get(one.name)
        policy = subscription.incompatible() if subscription else ""
        if policy:
            self._incompatible[one.name] = policy
            _log.warning("%s", mismatch(one.topic, policy, publisher=False))
        if not types:
            self._incompatible.pop(one.name, None)
        return TopicFacts(
            name=one.topic,
            publishers=sum(kind in one.msgtypes for kind in types),
            types=tuple(dict.fromkeys(types)),
            expected_type=" or ".join(one.msgtypes),
            incompatible=self._incompatible.get(one.name, ""),
        )

    def _tell_of_loss(self) -> None:
        if self._told_of_loss or not self.lost:
            return
        self._told_of_loss = True
        _log.warning(
            "messages are lost on the way. %s", receive_buffer_advice() or "Is the network too slow?"
        )


class Outputs:
    """Publishers of all outputs; a `live.demand.Outlet`.

    Args:
        wire: that publishes.
        namespace: of the topics; "" or "/rig".
        outputs: topic -> its row, see `messages.outputs.OUTPUTS`.
        parameters: may hold qos_overrides.

    Raises:
        ConfigError: an unknown policy or value of quality of service.
    """

    def __init__(
        self, wire: Wire, namespace: str, outputs: Mapping[str, Output], parameters: Mapping[str, Any]
    ) -> None:
        self._publishers = {}
        for output, row in outputs.items():
            topic = f"{namespace}/{output}"
            profile = overridden(RESULTS, parameters, topic, "publisher")
            self._publishers[output] = wire.publisher(topic, row.msgtype, profile)
        self._told_of_refusal = False

    @property
    def topics(self) -> tuple[str, ...]:
        """Full names."""
        return tuple(publisher.topic for publisher in self._publishers.values())

    @property
    def refused(self) -> int:
        """How many messages were not sent because a reliable subscriber did not keep up."""
        return sum(publisher.refused for publisher in self._publishers.values())

    def wanted(self) -> Collection[str]:
        """Return the outputs that somebody subscribes to now."""
        return [output for output, publisher in self._publishers.items() if publisher.subscribers]

    def publish(self, messages: Mapping[str, Any]) -> None:
        """Publish what was made."""
        for output, message in messages.items():
            self._publishers[output].send(message)

    def check(self) -> None:
        """Log what has become known: subscribers that do not fit, or do not keep up."""
        for publisher in self._publishers.values():
            policy = publisher.incompatible()
            if policy:
                _log.warning("%s", mismatch(publisher.topic, policy, publisher=True))
        if self.refused and not self._told_of_refusal:
            self._told_of_refusal = True
            _log.warning(
                "a reliable subscriber does not keep up, and holds back everybody's results; find it by "
                "`ros2 topic info -v`, or let it subscribe with best effort"
            )
