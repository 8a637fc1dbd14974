# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import pytest

from foundation_stereo_ros.errors import ConfigError
from foundation_stereo_ros.ros.messages.cdr import Schema
from foundation_stereo_ros.ros.messages.topics import Topic, describe, full_name, namespace_of


@pytest.mark.parametrize(
    ("name", "namespace", "full"),
    [("a/b", "", "/a/b"), ("a/b", "/rig", "/rig/a/b"), ("/a/b", "/rig", "/a/b"), ("_x1", "", "/_x1")],
)
def test_full_names(name: str, namespace: str, full: str) -> None:
    assert full_name(name, namespace) == full


@pytest.mark.parametrize("name", ["", "/", "a//b", "/a/", "1a", "a b", "a__b", "ä", "a-b", "~a"])
def test_no_names(name: str) -> None:
    with pytest.raises(ConfigError, match="not a topic name"):
        full_name(name)


def test_namespaces() -> None:
    assert [namespace_of(name) for name in ("", "/", "rig", "/rig/", "/a/b")] == [
        "",
        "",
        "/rig",
        "/rig",
        "/a/b",
    ]


def test_topics_are_described_with_what_is_known() -> None:
    counted = [Topic("/a", Schema("p/msg/T"), count=3), Topic("/long", Schema("p/msg/Tt"))]
    assert describe(counted) == "  /a     p/msg/T         3\n  /long  p/msg/Tt        ?"
    assert describe([Topic("/a", Schema("p/msg/T"))]) == "  /a  p/msg/T"
