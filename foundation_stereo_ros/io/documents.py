# SPDX-License-Identifier: Apache-2.0
"""YAML and JSON of anybody's: read by one bounded loader for the whole package.

YAML lets a few lines stand for billions of values, and whoever prints them waits for ever. Values, depth and
numbers are bounded here while the text is scanned, before anything is built.
"""

from __future__ import annotations

import json
from collections.abc import Hashable
from pathlib import Path
from typing import Any

import yaml

from foundation_stereo_ros.errors import FileFormatError
from foundation_stereo_ros.io.files import read_text
from foundation_stereo_ros.limits import limits

_MOST_VALUES = 100_000  # in a document, aliases counted as what they stand for
_DEEPEST = 64
_LONGEST_NUMBER = 100  # characters
_Safe: Any = getattr(yaml, "CSafeLoader", yaml.SafeLoader)


class _Loader(_Safe):  # type: ignore[misc]
    """PyYAML's safe loader, without dates (they stay text), with short numbers, and each key once."""

    yaml_implicit_resolvers = {
        first: [(tag, pattern) for tag, pattern in choices if tag != "tag:yaml.org,2002:timestamp"]
        for first, choices in _Safe.yaml_implicit_resolvers.items()
    }

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict[Hashable, Any]:
        # Before `<<` is resolved, whose keys may be given anew.
        names: set[str] = set()
        for key, _ in node.value:
            if isinstance(key, yaml.ScalarNode):
                if key.value in names:
                    problem = f"{key.value!r} is given twice"
                    raise yaml.constructor.ConstructorError(None, None, problem, key.start_mark)
                names.add(key.value)
        return super().construct_mapping(node, deep)  # type: ignore[no-any-return]

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
        FileFormatError: not YAML, a key given twice, or more values, depth or digits than a settings file has.
    """
    most = limits().text_bytes
    if len(text) > most:
        raise FileFormatError(f"{what} has {len(text):,} characters of YAML; expected at most {most:,}")
    try:
        _check_size(text, what)
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
        reason = error.msg if isinstance(error, json.JSONDecodeError) else "nested too deeply, or no numbers or text"
        raise FileFormatError(f"{what} is not JSON that can be used: {reason}") from None


def _check_size(text: str, what: str) -> None:
    """Count values as the loader will make them, without making any."""
    sizes: dict[str, int] = {}
    open_nodes: list[tuple[str | None, int]] = []  # anchor, and the count where it began
    total = 0
    for event in yaml.parse(text, Loader=_Safe):
        if isinstance(event, yaml.DocumentEndEvent):
            return
        if isinstance(event, yaml.AliasEvent):
            if event.anchor not in sizes:
                raise FileFormatError(
                    f"{what} is not YAML that can be used: *{event.anchor} stands for nothing before it"
                )
            total += sizes[event.anchor]
        elif isinstance(event, yaml.ScalarEvent):
            total += 1
            if event.anchor:
                sizes[event.anchor] = 1
        elif isinstance(event, yaml.CollectionStartEvent):
            open_nodes.append((event.anchor, total))
            total += 1
        elif isinstance(event, yaml.CollectionEndEvent):
            anchor, begin = open_nodes.pop()
            if anchor:
                sizes[anchor] = total - begin
        if total > _MOST_VALUES or len(open_nodes) > _DEEPEST:
            kind = f"more than {_MOST_VALUES:,} values" if total > _MOST_VALUES else f"more than {_DEEPEST} levels"
            raise FileFormatError(f"{what} is not YAML that can be used: it has {kind}")
