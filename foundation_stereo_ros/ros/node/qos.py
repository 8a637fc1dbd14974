# SPDX-License-Identifier: Apache-2.0
"""Quality of service: what the node offers and asks for, and what to say where others do not match it."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from rclpy.exceptions import ParameterException
from rclpy.qos import DurabilityPolicy, QoSPolicyKind, QoSProfile, ReliabilityPolicy
from rclpy.qos_overriding_options import QoSOverridingOptions

from foundation_stereo_ros.errors import ConfigError
from foundation_stereo_ros.ros.live.inputs import Quality
from foundation_stereo_ros.ros.live.topics import IMAGES_DEPTH, POSES_DEPTH, RESULTS_DEPTH

try:
    from rclpy.event_handler import (
        PublisherEventCallbacks,
        SubscriptionEventCallbacks,
        UnsupportedEventTypeError,
    )
except ImportError:  # Humble
    from rclpy.qos_event import (
        PublisherEventCallbacks,
        SubscriptionEventCallbacks,
        UnsupportedEventTypeError,
    )

_OVERRIDABLE = (
    QoSPolicyKind.HISTORY,
    QoSPolicyKind.DEPTH,
    QoSPolicyKind.RELIABILITY,
    QoSPolicyKind.DURABILITY,
)


def input_qos(quality: Quality = "images") -> QoSProfile:
    """Return the profile of an input; those of images and poses match every publisher."""
    # A new one each time: rclpy writes overrides into it.
    if quality in ("images", "poses"):
        depth = IMAGES_DEPTH if quality == "images" else POSES_DEPTH
        return QoSProfile(depth=depth, reliability=ReliabilityPolicy.BEST_EFFORT)
    latched = DurabilityPolicy.TRANSIENT_LOCAL if quality == "latched" else DurabilityPolicy.VOLATILE
    return QoSProfile(depth=POSES_DEPTH, reliability=ReliabilityPolicy.RELIABLE, durability=latched)


def latched_qos() -> QoSProfile:
    """Return a profile that gets what a publisher keeps for those who come late."""
    return QoSProfile(
        depth=1, reliability=ReliabilityPolicy.RELIABLE, durability=DurabilityPolicy.TRANSIENT_LOCAL
    )


def quiet_events() -> SubscriptionEventCallbacks:
    """Return callbacks for a subscription that may be incompatible with some publishers."""
    return SubscriptionEventCallbacks(use_default_callbacks=False)


def output_qos() -> QoSProfile:
    """Return a profile that serves reliable subscribers and best effort ones."""
    return QoSProfile(depth=RESULTS_DEPTH, reliability=ReliabilityPolicy.RELIABLE)


def overridable() -> QoSOverridingOptions:
    """Return the options that make parameters qos_overrides.TOPIC.* of the policies."""
    return QoSOverridingOptions(_OVERRIDABLE)


def create_with_events(create: Callable[..., Any], tell: Callable[[str], None], *, publisher: bool) -> Any:
    """Create a publisher or a subscription that tells of others with incompatible QoS.

    Args:
        create: called with ``event_callbacks``.
        tell: called with the name of the policy, such as RELIABILITY.
        publisher: whether it is a publisher.

    Raises:
        ConfigError: a parameter qos_overrides.* has a value that there is not.
    """
    callbacks = PublisherEventCallbacks if publisher else SubscriptionEventCallbacks

    def incompatible(event: Any) -> None:
        tell(policy_name(event.last_policy_kind))

    try:
        try:
            return create(event_callbacks=callbacks(incompatible_qos=incompatible))
        except UnsupportedEventTypeError:  # by the middleware in use
            return create()
    except (RuntimeError, ParameterException) as error:
        raise ConfigError(" ".join(str(error).split())) from None


def policy_name(kind: int) -> str:
    """Return the name of a policy that an event tells of."""
    try:
        return str(QoSPolicyKind(kind).name)
    except ValueError:
        return f"policy {kind}"
