# SPDX-License-Identifier: Apache-2.0
"""Quality of service as recordings note it: a YAML list of the profiles that a topic's publishers offered.

Up to metadata version 8 (Iron and before) the policies are the numbers of the rmw enumerations, from version
9 (Jazzy) their names. We write numbers and declare version 8, which every distribution from Humble on reads.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import yaml

from foundation_stereo_ros.errors import FileFormatError
from foundation_stereo_ros.io.documents import parse_yaml

KEY = "offered_qos_profiles"
METADATA_VERSION = 8

_ANY = {"system_default": 0}
_POLICIES: dict[str, dict[str, int]] = {
    "history": _ANY | {"keep_last": 1, "keep_all": 2, "unknown": 3},
    "reliability": _ANY | {"reliable": 1, "best_effort": 2, "unknown": 3, "best_available": 4},
    "durability": _ANY | {"transient_local": 1, "volatile": 2, "unknown": 3, "best_available": 4},
    "liveliness": _ANY
    | {"automatic": 1, "manual_by_node": 2, "manual_by_topic": 3, "unknown": 4, "best_available": 5},
}
_FOREVER = {"sec": 9223372036, "nsec": 854775807}


class Offered(NamedTuple):
    """What all publishers of a topic offered together; a replay that offers it meets the same subscribers."""

    reliable: bool = True
    latched: bool = False
    depth: int = 10


def offered(profiles: str) -> Offered:
    """Return what recorded profiles say; ROS's default where there are none, or where they say little."""
    loaded = _load(profiles)
    if not loaded:
        return Offered()
    best_effort = _POLICIES["reliability"]["best_effort"]
    depths = [profile.get("depth") for profile in loaded]
    return Offered(
        all(_number("reliability", profile.get("reliability")) != best_effort for profile in loaded),
        all(_is_latched(profile) for profile in loaded),
        max((depth for depth in depths if isinstance(depth, int) and depth < 2**31), default=0)
        or Offered().depth,
    )


def offered_profile(depth: int = 10, *, reliable: bool = True, latched: bool = False) -> str:
    """Describe one publisher: keep last ``depth``, reliable or best effort, latched means transient local."""
    profile = {
        "history": 1,
        "depth": depth,
        "reliability": 1 if reliable else 2,
        "durability": 1 if latched else 2,
        "deadline": dict(_FOREVER),
        "lifespan": dict(_FOREVER),
        "liveliness": 1,
        "liveliness_lease_duration": dict(_FOREVER),
        "avoid_ros_namespace_conventions": False,
    }
    return _dump([profile])


def is_latched(profiles: str) -> bool:
    """Whether any of the profiles is transient local."""
    return any(_is_latched(profile) for profile in _load(profiles))


def in_numbers(profiles: str) -> str:
    """Return the profiles with policies as numbers; unchanged where they are, or cannot be read."""
    loaded = _load(profiles)
    if not any(isinstance(profile.get(policy), str) for profile in loaded for policy in _POLICIES):
        return profiles
    for profile in loaded:
        profile.update({name: _number(name, profile[name]) for name in _POLICIES if name in profile})
    return _dump(loaded)


def _is_latched(profile: dict[str, Any]) -> bool:
    return _number("durability", profile.get("durability")) == _POLICIES["durability"]["transient_local"]


def _number(policy: str, value: Any) -> int:
    names = _POLICIES[policy]
    return value if isinstance(value, int) else names.get(str(value).lower(), names["unknown"])


def _load(profiles: str) -> list[dict[str, Any]]:
    try:
        loaded = parse_yaml(profiles, "offered_qos_profiles")
    except FileFormatError:
        return []
    return [item for item in loaded if isinstance(item, dict)] if isinstance(loaded, list) else []


def _dump(profiles: list[dict[str, Any]]) -> str:
    text: str = yaml.safe_dump(profiles, sort_keys=False)
    return text.strip()
