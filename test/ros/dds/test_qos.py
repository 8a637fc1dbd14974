# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

from typing import Any

import pytest

pytest.importorskip("cyclonedds", reason="Cyclone DDS has no wheels for this Python or machine")

from foundation_stereo_ros.errors import ConfigError
from foundation_stereo_ros.ros.dds.qos import (
    SENSOR,
    Profile,
    of_endpoint,
    overridden,
    policy_name,
)

TOPIC = "/rig/points2"


@pytest.mark.parametrize("reliable", [True, False])
@pytest.mark.parametrize("latched", [True, False])
@pytest.mark.parametrize("depth", [0, 1, 7])
def test_policies_tell_of_their_profile(reliable: bool, latched: bool, depth: int) -> None:
    profile = Profile(reliable, latched, depth)
    assert of_endpoint(profile.qos()) == profile


def test_overridden_by_parameters() -> None:
    parameters: dict[str, Any] = {
        f"qos_overrides.{TOPIC}.subscription.reliability": "reliable",
        f"qos_overrides.{TOPIC}.subscription.depth": 3,
        f"qos_overrides.{TOPIC}.publisher.durability": "transient_local",
        "qos_overrides./other.subscription.history": "keep_all",
        "z_far": 20.0,
    }
    assert overridden(SENSOR, parameters, TOPIC, "subscription") == Profile(depth=3)
    assert overridden(SENSOR, parameters, TOPIC, "publisher") == Profile(False, True, 5)
    assert overridden(SENSOR, parameters, "/other", "subscription").depth == 0
    assert overridden(SENSOR, parameters, "/rig/depth", "subscription") == SENSOR


@pytest.mark.parametrize(
    ("policy", "value", "expected"),
    [
        ("reliability", "always", "'always'; expected one of reliable, best_effort"),
        ("depth", 0, "0; expected a number from 1"),
        ("depth", True, "True; expected a number"),
        ("colour", "red", "no such policy; expected one of reliability, durability, history, depth"),
    ],
)
def test_no_such_quality(policy: str, value: object, expected: str) -> None:
    with pytest.raises(ConfigError, match=expected):
        overridden(SENSOR, {f"qos_overrides.{TOPIC}.subscription.{policy}": value}, TOPIC, "subscription")


def test_names_of_policies() -> None:
    assert [policy_name(number) for number in (2, 11, 99)] == ["DURABILITY", "RELIABILITY", "policy 99"]
