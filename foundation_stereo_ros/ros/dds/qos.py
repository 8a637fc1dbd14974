# SPDX-License-Identifier: Apache-2.0
"""Quality of service: profiles of ROS as policies of DDS."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from cyclonedds.qos import Policy, Qos

from foundation_stereo_ros.errors import ConfigError
from foundation_stereo_ros.ros.live.topics import IMAGES_DEPTH, RESULTS_DEPTH

BLOCKING_S = 0.5
"""How long a publisher waits for a reliable subscriber that does not keep up, before it drops a message."""

_DURABILITY, _RELIABILITY, _DEADLINE, _LIVELINESS, _TYPE = 2, 11, 4, 8, 24
_POLICIES = {
    _DURABILITY: "DURABILITY",
    _RELIABILITY: "RELIABILITY",
    _DEADLINE: "DEADLINE",
    _LIVELINESS: "LIVELINESS",
    _TYPE: "TYPE_CONSISTENCY",
}
LARGEST_DEPTH = 10_000


@dataclass(frozen=True)
class Profile:
    """A profile of ROS.

    Attributes:
        reliable: otherwise best effort.
        latched: transient local; otherwise volatile.
        depth: how many messages are kept; 0: all.
    """

    reliable: bool = True
    latched: bool = False
    depth: int = 10

    def qos(self, user_data: bytes = b"") -> Qos:
        """Return the policies for a reader or a writer.

        Args:
            user_data: for peers, see `presence`.
        """
        history = Policy.History.KeepLast(self.depth) if self.depth else Policy.History.KeepAll
        policies: list[Any] = [
            Policy.Reliability.Reliable(round(BLOCKING_S * 1e9))
            if self.reliable
            else Policy.Reliability.BestEffort,
            history,
            # The encoding of ROS; offered alone, since our messages are made for it.
            Policy.DataRepresentation(use_cdrv0_representation=True),
            Policy.Userdata(user_data),
        ]
        if self.latched:
            unlimited = -1
            service = Policy.DurabilityService(0, history, unlimited, unlimited, unlimited)
            policies += [Policy.Durability.TransientLocal, service]
        return Qos(*policies)


SENSOR = Profile(reliable=False, depth=IMAGES_DEPTH)
"""For images: it matches every publisher."""

LATCHED = Profile(latched=True, depth=1)
"""For what a publisher keeps for those who come late; it matches no other publisher."""

RESULTS = Profile(depth=RESULTS_DEPTH)
"""For outputs: it serves reliable subscribers and best effort ones."""


def of_endpoint(qos: Qos) -> Profile:
    """Return what a discovered endpoint offers or asks for."""
    return Profile(
        Policy.Reliability.BestEffort not in qos,
        Policy.Durability.TransientLocal in qos,
        next((p.depth for p in qos if isinstance(p, Policy.History.KeepLast)), 0),
    )


def policy_name(number: int) -> str:
    """Return ROS's name of a policy of DDS."""
    return _POLICIES.get(number, f"policy {number}")


def overridden(profile: Profile, parameters: Mapping[str, Any], topic: str, entity: str) -> Profile:
    """Apply the parameters qos_overrides.TOPIC.ENTITY.POLICY, as nodes of ROS do.

    Args:
        profile: what holds without them.
        parameters: name -> value; others are left alone.
        topic: full name.
        entity: ``publisher`` or ``subscription``.

    Raises:
        ConfigError: an unknown policy or value.
    """
    prefix = f"qos_overrides.{topic}.{entity}."
    for name, value in parameters.items():
        if name.startswith(prefix):
            profile = dataclasses.replace(profile, **_change(name, name.removeprefix(prefix), value))
    return profile


def _change(name: str, policy: str, value: Any) -> dict[str, Any]:
    words: dict[str, dict[Any, dict[str, Any]]] = {
        "reliability": {"reliable": {"reliable": True}, "best_effort": {"reliable": False}},
        "durability": {"transient_local": {"latched": True}, "volatile": {"latched": False}},
        "history": {"keep_last": {}, "keep_all": {"depth": 0}},
    }
    if policy == "depth":
        if not isinstance(value, int) or isinstance(value, bool) or not 1 <= value <= LARGEST_DEPTH:
            raise ConfigError(f"{name} is {value!r}; expected a number from 1 to {LARGEST_DEPTH}")
        return {"depth": value}
    choices = words.get(policy)
    if choices is None:
        raise ConfigError(f"{name}: no such policy; expected one of {', '.join((*words, 'depth'))}")
    if value not in choices:
        raise ConfigError(f"{name} is {value!r}; expected one of {', '.join(choices)}")
    return choices[value]
