# SPDX-License-Identifier: Apache-2.0
"""Definitions of ROS pass; those that never end, or ask for gigabytes, do not."""

from __future__ import annotations

import pytest
from rosbags.typesys import TypesysError

from foundation_stereo_ros.errors import BagError
from foundation_stereo_ros.ros.messages.cdr import Schema, deserialize, schema_of, store_of, typestore
from foundation_stereo_ros.ros.messages.definitions import types_from_text

LINE = "=" * 80 + "\n"
DOUBLED = "a/T1 a\na/T1 b\n" + "".join(
    f"{LINE}MSG: a/T{n}\na/T{n + 1} a\na/T{n + 1} b\n" for n in range(1, 25)
)


@pytest.mark.parametrize("distribution", ["humble", "jazzy"])
def test_all_of_ros_passes(distribution: str) -> None:
    store = typestore(distribution)
    for name in store.fielddefs:
        assert name in types_from_text(schema_of(name, store).data.decode(), name, "ros2msg")


@pytest.mark.parametrize(
    ("text", "words"),
    [
        (f"a/A a\n{LINE}MSG: a/A\na/A a\n", "a/msg/A contains itself"),
        ("string[100000000] x\n", "has 100,000,001 parts"),
        ("uint8[4000000000] x\n", "array of 4,000,000,000 values"),
        (
            f"a/B[500] b\n{LINE}MSG: a/B\na/C[500] c\n{LINE}MSG: a/C\nuint8 x\n",
            "parts; expected at most 20,000",
        ),
        (f"{DOUBLED}{LINE}MSG: a/T25\nuint8 x\n", "parts; expected at most 20,000"),
        ("".join(f"a/D{n} a\n{LINE}MSG: a/D{n}\n" for n in range(40)) + "uint8 x\n", "nested too deeply"),
        ("uint8 x\n" * 100_000, "definition of 800,000 characters"),
        ("uint8 é\n", "cannot be parsed"),
        ("\x00", "cannot be parsed"),
    ],
)
def test_others_are_refused(text: str, words: str) -> None:
    with pytest.raises(TypesysError, match=words):
        types_from_text(text, "a/msg/Z", "ros2msg")
    # Whoever meets it in a recording gets the type that ROS knows by this name, or a sentence.
    assert store_of(Schema("a/msg/Z", "ros2msg", text.encode())) is typestore()
    with pytest.raises(BagError, match="/topic is of the type 'a/msg/Z', which is not known"):
        deserialize(b"\0\1\0\0", "a/msg/Z", "/topic", store_of(Schema("a/msg/Z", "ros2msg", text.encode())))
