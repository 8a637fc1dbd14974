# SPDX-License-Identifier: Apache-2.0
"""Message definitions from recordings, checked before code is made of them.

rosbags writes a reader in Python for each type, with a line for every text or message of an array of fixed
length, and enters each type that another one contains. So one line may ask for gigabytes, or never end.
"""

from __future__ import annotations

from functools import lru_cache
from typing import TYPE_CHECKING

from rosbags.interfaces import Nodetype
from rosbags.typesys import TypesysError, get_types_from_idl, get_types_from_msg

from foundation_stereo_ros.limits import limits

if TYPE_CHECKING:
    from rosbags.interfaces.typing import FieldDesc, Typesdict

_LONGEST = 300_000  # characters; the largest of ROS have 20,000
_MOST_LINES = 20_000
_DEEPEST = 30
_HEAD = "=" * 80 + "\n"


@lru_cache(maxsize=64)
def types_from_text(text: str, name: str, encoding: str) -> Typesdict:
    """Return the types that a definition makes.

    Args:
        text: a definition and all that it depends on, one after the other.
        name: of the first type, as "sensor_msgs/msg/Image".
        encoding: "ros2msg" or "ros2idl".

    Raises:
        TypesysError: it cannot be parsed, or asks for more than a message needs.
    """
    if len(text) > _LONGEST:
        raise TypesysError(f"{name} has a definition of {len(text):,} characters")
    types: Typesdict = {}
    try:
        if encoding == "ros2msg":
            types = get_types_from_msg(text, name)
        else:
            # Each of the concatenated files is headed by a line of "=" and one that names it.
            for part in text.split(_HEAD):
                body = part.partition("\n")[2] if part.startswith("IDL: ") else part
                if body.strip():
                    types |= get_types_from_idl(body)
    except Exception:  # the parsers were made for what ROS writes
        raise TypesysError(f"the definition of {name} cannot be parsed") from None
    check_types(types)
    return types


def check_types(types: Typesdict) -> None:
    """Refuse types that contain themselves, or whose readers would be huge.

    Raises:
        TypesysError: names the type.
    """
    known: dict[str, int] = {}
    for name in types:
        lines = _lines(name, types, known, ())
        if lines > _MOST_LINES:
            raise TypesysError(f"{name} has {lines:,} parts; expected at most {_MOST_LINES:,}")


def _lines(name: str, types: Typesdict, known: dict[str, int], inside: tuple[str, ...]) -> int:
    if name in inside or len(inside) > _DEEPEST:
        raise TypesysError(f"{name} contains itself" if name in inside else f"{name} is nested too deeply")
    if name not in known:
        known[name] = 1 + sum(
            _field_lines(field, types, known, (*inside, name)) for _, field in types.get(name, ([], []))[1]
        )
    return known[name]


def _field_lines(field: FieldDesc, types: Typesdict, known: dict[str, int], inside: tuple[str, ...]) -> int:
    if field[0] == Nodetype.BASE:
        return 1
    if field[0] == Nodetype.NAME:
        return _lines(field[1], types, known, inside)
    element, count = field[1]
    lines = _field_lines(element, types, known, inside)
    if field[0] == Nodetype.SEQUENCE:
        return lines
    if element[0] == Nodetype.BASE and element[1][0] != "string":
        if count * 16 > limits().block_bytes:
            raise TypesysError(f"{inside[-1]} has an array of {count:,} values")
        return 1
    return lines * count
