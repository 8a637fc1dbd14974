# SPDX-License-Identifier: Apache-2.0
"""YAML and JSON: what people write comes as it is; what would never end, or be no value, is one sentence."""

from __future__ import annotations

from typing import Any

import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st

from foundation_stereo_ros.errors import FileFormatError
from foundation_stereo_ros.io.documents import parse_json, parse_yaml

_plain = st.one_of(st.none(), st.booleans(), st.integers(-(10**18), 10**18), st.text(max_size=20))
_documents = st.recursive(
    _plain,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=8), inner, max_size=4),
    max_leaves=20,
)


@settings(deadline=None)
@given(_documents)
def test_what_is_written_is_read(value: Any) -> None:
    assert parse_yaml(yaml.safe_dump(value), "a.yaml") == value


def test_aliases_and_merged_keys_are_read() -> None:
    text = "base: &base {a: 1, b: 2}\nmore: &more {<<: *base, b: 3}\nlast: {<<: [*more, *base], c: *base}\n"
    assert parse_yaml(text, "a.yaml") == yaml.safe_load(text)


def test_the_first_document_counts() -> None:
    assert parse_yaml("a: 1\n---\nb: [\n", "a.yaml") == {"a": 1}
    assert parse_yaml("", "a.yaml") is None


def test_dates_stay_text() -> None:
    assert parse_yaml("day: 2024-99-99\nnight: 2024-01-01\n", "a.yaml") == {
        "day": "2024-99-99",
        "night": "2024-01-01",
    }


LAUGHS = "a0: &a0 [x, x, x, x, x, x, x, x, x, x]\n" + "".join(
    f"a{n}: &a{n} [{', '.join([f'*a{n - 1}'] * 10)}]\n" for n in range(1, 12)
)


@pytest.mark.parametrize(
    ("text", "words"),
    [
        (LAUGHS, "line 5: more than 100,000 values"),
        ("".join(f"a{n}: {n}\n" for n in range(60_000)), "more than 100,000 values"),
        ("[" * 100_000, "not YAML, line 1: exceeded maximum nesting depth|more than 64 levels"),
        ("- " * 1000, "more than 64 levels"),
        ("a: &a [*a]", r"\*a stands for nothing"),
        ("a: *b", r"\*b stands for nothing"),
        ("a: 1\nb: 2\na: 3\n", "line 3: 'a' is given twice"),
        ("{a: {b: 1, b: 2}}", "'b' is given twice"),
        ("a: " + "9" * 5000, "line 1: a number has 5000 digits"),
        ("a: 1" + ":59" * 5000, "a number has 15001 digits"),
        ("a: !!int x", "not YAML that can be used"),
        ("a: !!timestamp 2024-99-99", "not YAML that can be used"),
        ("a: !!python/object/apply:os.system ['true']", "not YAML, line 1"),
        ("a: [", "not YAML, line 2"),
        ("a: \x07", "not YAML"),
        ("? [a]\n: b", "not YAML"),
    ],
)
def test_what_cannot_be_used_is_one_sentence(text: str, words: str) -> None:
    with pytest.raises(FileFormatError, match=rf"^a\.yaml is .*({words})") as refused:
        parse_yaml(text, "a.yaml")
    assert len(str(refused.value)) < 200
    assert "\n" not in str(refused.value)


@pytest.mark.parametrize("text", ["", "{", "[" * 100_000, '{"a": ' + "9" * 5000 + "}", b"\xff"])
def test_what_is_no_json_is_one_sentence(text: str | bytes) -> None:
    with pytest.raises(FileFormatError, match=r"^the header is not JSON that can be used: ") as refused:
        parse_json(text, "the header")
    assert len(str(refused.value)) < 200


def test_json_is_read() -> None:
    assert parse_json(b'{"a": [1, 2.5, null]}', "it") == {"a": [1, 2.5, None]}
