# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import dataclasses
import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from foundation_stereo_ros.errors import ConfigError, FileFormatError, FoundationStereoError
from foundation_stereo_ros.scenes.raycast.config import COMPOSITIONS, SceneConfig
from foundation_stereo_ros.scenes.seeds import DEMONSTRATION, VALIDATION
from foundation_stereo_ros.train.curation.keep_list import (
    KeepListWriter,
    Recipe,
    Score,
    difference,
    header_line,
    read_keep_list,
    score_line,
)

RECIPE = Recipe(SceneConfig(clutter=0.3), 32, 64, "run -3", "ab" * 32, 3, 60.0)
SCORES = [
    Score(7, 12.5, 0.75, True, "room", ("fog", "bare")),
    Score(VALIDATION - 1, 60.0001, 3.0, False, "street", ()),
    Score(0, None, None, False, "stack", ("jpeg",)),
]
FIGURES = st.none() | st.floats(0, 100)


def content(scores: list[Score], recipe: Recipe = RECIPE) -> bytes:
    return header_line(recipe) + b"".join(map(score_line, scores))


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "lists" / "keep.jsonl"


def write(path: Path, scores: list[Score], recipe: Recipe = RECIPE) -> None:
    with KeepListWriter(path, recipe) as writer:
        for score in scores:
            writer.append(score)


@settings(deadline=None, max_examples=40)
@given(
    scores=st.lists(
        st.builds(
            Score,
            st.integers(0, VALIDATION - 1),
            FIGURES,
            FIGURES,
            st.booleans(),
            st.sampled_from(COMPOSITIONS),
            st.lists(st.text(max_size=5), max_size=3).map(tuple),
        ),
        max_size=5,
    )
)
def test_what_is_written_is_read(scores: list[Score], tmp_path_factory: pytest.TempPathFactory) -> None:
    path = tmp_path_factory.mktemp("list") / "keep.jsonl"
    write(path, scores)
    found = read_keep_list(path)
    assert (found.recipe, list(found.scores)) == (RECIPE, scores)
    assert found.size == path.stat().st_size


def test_a_list_cut_anywhere_goes_on_to_the_same_list(path: Path) -> None:
    whole = content(SCORES)
    path.parent.mkdir()
    ends = [place + 1 for place, byte in enumerate(whole) if byte == ord("\n")]
    near_ends = {end + shift for end in ends for shift in (-2, -1, 0, 1) if end + shift <= len(whole)}
    for size in sorted({*range(0, len(whole), 23), *range(4), *near_ends}):
        path.write_bytes(whole[:size])
        with KeepListWriter(path, RECIPE) as writer:
            done = len(writer.scores)
            assert writer.scores == SCORES[:done]
            assert done == max(whole[:size].count(b"\n") - 1, 0)
            for score in SCORES[done:]:
                writer.append(score)
        assert path.read_bytes() == whole


def test_a_line_is_on_disk_at_once(path: Path) -> None:
    with KeepListWriter(path, RECIPE) as writer:
        for count, score in enumerate(SCORES, start=1):
            writer.append(score)
            assert path.read_bytes() == content(SCORES[:count])


@pytest.mark.parametrize(
    ("change", "complaint"),
    [
        ({"scenes": SceneConfig(clutter=0.4)}, "its scenes.clutter is 0.3, not 0.4"),
        ({"height": 64}, "its height is 32, not 64"),
        ({"seeds": "from 3"}, "its seeds is 'run -3', not 'from 3'"),
        ({"checkpoint": "cd" * 32}, "its checkpoint is "),
        ({"iterations": 4}, "its iterations is 3, not 4"),
        ({"threshold": 50.0}, "its threshold is 60.0, not 50.0"),
    ],
)
def test_a_list_made_in_another_way_is_left_alone(path: Path, change: dict[str, Any], complaint: str) -> None:
    write(path, SCORES)
    with pytest.raises(ConfigError, match=complaint):
        KeepListWriter(path, dataclasses.replace(RECIPE, **change))
    assert path.read_bytes() == content(SCORES)


@pytest.mark.parametrize(
    "foreign",
    [b"weights without any line", b'{"format": "other/1"}\n', b"[1, 2]\n", b"\xff\xfe\n\x00", b"{}\n", b"\n"],
)
def test_a_file_of_another_kind_is_left_alone(path: Path, foreign: bytes) -> None:
    path.parent.mkdir()
    path.write_bytes(foreign)
    with pytest.raises(FileFormatError, match=r"keep\.jsonl is no keep-list"):
        KeepListWriter(path, RECIPE)
    assert path.read_bytes() == foreign


def test_a_list_with_unknown_scene_settings_is_refused(path: Path) -> None:
    values = json.loads(header_line(RECIPE))
    values["scenes"]["lava_chance"] = 0.5
    path.parent.mkdir()
    path.write_text(json.dumps(values) + "\n")
    with pytest.raises(FileFormatError, match=r"of another version of this package.*lava_chance"):
        read_keep_list(path)


@pytest.mark.parametrize(
    "change",
    [
        {"seed": "7"},
        {"seed": True},
        {"kept": 1},
        {"bp2": "12"},
        {"composition": None},
        {"traits": [3]},
        {"traits": 3},
        {"more": 1},
    ],
)
def test_a_damaged_line_is_named(path: Path, change: dict[str, Any]) -> None:
    damaged = {**dataclasses.asdict(SCORES[0]), **change}
    path.parent.mkdir()
    path.write_bytes(content(SCORES) + json.dumps(damaged).encode() + b"\n" + score_line(SCORES[1]))
    with pytest.raises(FileFormatError, match=r"keep\.jsonl, line 5 is damaged"):
        read_keep_list(path)


@pytest.mark.parametrize(
    ("seed", "kind"),
    [(-1, "seed -1;"), (VALIDATION, "for validation"), (DEMONSTRATION, "for demonstrations")],
)
def test_seeds_held_back_are_refused(path: Path, seed: int, kind: str) -> None:
    path.parent.mkdir()
    path.write_bytes(content([dataclasses.replace(SCORES[0], seed=seed)]))
    with pytest.raises(ConfigError, match=rf"keep\.jsonl, line 2: .*{kind}.* expected 0 up to 1099511627775"):
        read_keep_list(path)


def test_two_runs_do_not_write_one_list(path: Path) -> None:
    with KeepListWriter(path, RECIPE) as writer:
        writer.append(SCORES[0])
        with pytest.raises(FileFormatError, match="another job is writing"):
            KeepListWriter(path, RECIPE)
    assert path.read_bytes() == content(SCORES[:1])
    KeepListWriter(path, RECIPE).close()


def test_places_that_cannot_be_used_are_one_error(tmp_path: Path) -> None:
    with pytest.raises(FoundationStereoError, match=f"cannot write {tmp_path}"):
        KeepListWriter(tmp_path, RECIPE)
    with pytest.raises(FoundationStereoError, match=r"cannot read .*missing"):
        read_keep_list(tmp_path / "missing")


def test_the_first_difference_is_told_at_any_depth() -> None:
    assert difference({"a": 1, "b": {"c": 2}}, {"a": 1, "b": {"c": 2}}) is None
    assert difference({"a": 1, "b": {"c": 2}}, {"a": 1, "b": {"c": 3}}) == "b.c is 2, not 3"
    assert difference({}, {"a": 1}) == "a is None, not 1"
    assert difference({"a": 1}, {}) == "a is 1, not None"
