# SPDX-License-Identifier: Apache-2.0
"""YAML and JSON of anybody's: read by one bounded loader for the whole package.

YAML lets a few lines stand for billions of values, and whoever prints them waits for ever. Values, depth and
numbers are bounded here while the text is scanned, before anything is built.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar

import yaml

from foundation_stereo_ros.errors import FileFormatError
from foundation_stereo_ros.io.files import read_text
from foundation_stereo_ros.limits import limits

_MOST_VALUES = 100_000  # in a document, aliases counted as what they stand for
_DEEPEST = 64
_LONGEST_NUMBER = 100  # characters
_Safe: Any = getattr(yaml, "CSafeLoader", yaml.SafeLoader)


class _Loader(_Safe):  # type: ignore[misc]
    """PyYAML's safe loader without dates (they stay text), and with short numbers."""

    yaml_implicit_resolvers: ClassVar = {
        first: [(tag, pattern) for tag, pattern in choices if tag != "tag:yaml.org,2002:timestamp"]
        for first, choices in _Safe.yaml_implicit_resolvers.items()
    }

    def number(self, node: yaml.ScalarNode) -> Any:
        """Make a number."""
        if len(node.value) > _LONGEST_NUMBER:
            raise yaml.constructor.ConstructorError(
                None, None, f"a number has {len(node.value)} digits", node.start_mark
            )
        whole = node.tag.endswith("int")
        return self.construct_yaml_int(node) if whole else self.construct_yaml_float(node)


for _kind in ("int", "float"):
    _Loader.add_constructor(f"tag:yaml.org,2002:{_kind}", _Loader.number)


def parse_yaml(text: str, what: str) -> Any:
    """Return the first document of a YAML text; None where there is none.

    Args:
        text: UTF-8, decoded.
        what: whose text it is, as a file's name; begins the sentence.

    Raises:
        FileFormatError: not YAML, a key given twice, or more values, levels or digits than settings have.
    """
    most = limits().text_bytes
    if len(text) > most:
        raise FileFormatError(f"{what} has {len(text):,} characters of YAML; expected at most {most:,}")
    try:
        _check(text, what)
        loader = _Loader(text)
        try:
            return loader.get_data() if loader.check_data() else None
        finally:
            loader.dispose()
    except yaml.YAMLError as error:
        mark = getattr(error, "problem_mark", None) or getattr(error, "context_mark", None)
        line = f", line {mark.line + 1}" if mark else ""
        problem = getattr(error, "problem", None) or getattr(error, "reason", None) or "it cannot be parsed"
        raise FileFormatError(f"{what} is not YAML{line}: {problem}") from None
    except (ValueError, OverflowError, RecursionError, MemoryError, TypeError) as error:
        raise FileFormatError(f"{what} is not YAML that can be used: {error}") from None


def read_yaml(path: Path) -> Any:
    """Return the first document of a YAML file; see `parse_yaml`.

    Raises:
        FileFormatError: also where the file cannot be read.
    """
    return parse_yaml(read_text(path), str(path))


def parse_json(text: str | bytes, what: str) -> Any:
    """Return what a JSON text holds.

    Raises:
        FileFormatError: not JSON, or nested too deeply.
    """
    most = limits().text_bytes
    if len(text) > most:
        raise FileFormatError(f"{what} has {len(text):,} bytes of JSON; expected at most {most:,}")
    try:
        return json.loads(text)
    except (ValueError, RecursionError) as error:
        reason = (
            error.msg
            if isinstance(error, json.JSONDecodeError)
            else "nested too deeply, or no numbers or text"
        )
        raise FileFormatError(f"{what} is not JSON that can be used: {reason}") from None


@dataclass
class _Open:
    """A list or mapping whose end has not come: how many values came before it, and the keys of a mapping."""

    anchor: str | None
    begin: int
    keys: set[tuple[str, bool]] | None
    at_key: bool = True


def _check(text: str, what: str) -> None:
    """Look for too many values, too deep ones and keys that come twice, without making any value."""
    sizes: dict[str, int] = {}
    around: list[_Open] = []
    total = 0
    for event in yaml.parse(text, Loader=_Safe):
        if isinstance(event, yaml.DocumentEndEvent):
            return
        if isinstance(event, yaml.CollectionEndEvent):
            ended = around.pop()
            if ended.anchor:
                sizes[ended.anchor] = total - ended.begin
        elif isinstance(event, yaml.NodeEvent):
            total += sizes.get(event.anchor or "", 1) if isinstance(event, yaml.AliasEvent) else 1
            problem = _problem(event, around, total, sizes)
            if problem:
                line = f", line {event.start_mark.line + 1}" if event.start_mark else ""
                raise FileFormatError(f"{what} is not YAML that can be used{line}: {problem}")
            if isinstance(event, yaml.CollectionStartEvent):
                is_mapping = isinstance(event, yaml.MappingStartEvent)
                around.append(_Open(event.anchor, total - 1, set() if is_mapping else None))
                continue
            if isinstance(event, yaml.ScalarEvent) and event.anchor:
                sizes[event.anchor] = 1
        else:
            continue
        if around:
            around[-1].at_key = not around[-1].at_key


def _problem(event: yaml.NodeEvent, around: list[_Open], total: int, sizes: Mapping[str, int]) -> str:
    if isinstance(event, yaml.AliasEvent) and event.anchor not in sizes:
        return f"*{event.anchor} stands for nothing that ended before it"
    if isinstance(event, yaml.ScalarEvent) and around and around[-1].at_key:
        keys, key = around[-1].keys, (event.value, event.implicit[0])
        if keys is not None and key in keys and event.value != "<<":
            return f"{event.value!r} is given twice"
        if keys is not None:
            keys.add(key)
    if total > _MOST_VALUES:
        return f"more than {_MOST_VALUES:,} values"
    return f"more than {_DEEPEST} levels" if len(around) >= _DEEPEST else ""
