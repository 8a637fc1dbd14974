# SPDX-License-Identifier: Apache-2.0
"""The keep-list: which scenes are worth training on, and how well a network did on each.

A file of JSON lines. The first says how the scores came about, each other one has the score of one seed, in
the order of the seeds. Lines may be appended at any time; one without its end, left by a run that broke
off, does not count.
"""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Mapping
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Any

from foundation_stereo_ros.errors import ConfigError, FileFormatError
from foundation_stereo_ros.io.documents import parse_json
from foundation_stereo_ros.io.files import append, read_bytes, writing
from foundation_stereo_ros.io.outputs import check_output, reserved
from foundation_stereo_ros.scenes.raycast.config import SceneConfig
from foundation_stereo_ros.scenes.seeds import checked_training_seed

FORMAT = "foundation_stereo_ros/keep-list/1"


@dataclass(frozen=True)
class Recipe:
    """How the scores of a list come about.

    Attributes:
        scenes: what seeds mean.
        height, width: of the pictures, pixels; scenes depend on it.
        seeds: ``run S``: those that a training run with seed S would render first; ``from F``: F and up.
        checkpoint: SHA-256 of the weights.
        iterations: refinements.
        threshold: per cent; seeds with a higher BP-2 are dropped.
    """

    scenes: SceneConfig
    height: int
    width: int
    seeds: str
    checkpoint: str
    iterations: int
    threshold: float

    def to_dict(self) -> dict[str, Any]:
        """Return plain values, as JSON has them."""
        return dataclasses.asdict(self)


@dataclass(frozen=True)
class Score:
    """How well the network did on one scene.

    Attributes:
        seed: of the scene.
        bp2: per cent of the valid pixels that are off by more than 2 pixels; None: there are no valid ones.
        epe: mean absolute error of the valid pixels, pixels; None as above.
        kept: whether to train on it.
        composition: how the scene is filled.
        traits: what else chance has put into it.
    """

    seed: int
    bp2: float | None
    epe: float | None
    kept: bool
    composition: str
    traits: tuple[str, ...]


@dataclass(frozen=True)
class KeepList:
    """What a file holds.

    Attributes:
        recipe: of its first line; None: not even that one is whole.
        scores: of the others.
        size: bytes of the whole lines.
    """

    recipe: Recipe | None
    scores: tuple[Score, ...]
    size: int


def read_keep_list(path: Path) -> KeepList:
    """Read a list, as far as its lines are whole.

    Raises:
        FileFormatError: the file cannot be read, is no keep-list, or has a damaged line.
        ConfigError: a seed of it may not be trained on.
    """
    content = read_bytes(path, may_be_empty=True)
    whole = content[: content.rfind(b"\n") + 1]
    first, *others = whole.splitlines() or [b""]
    if not whole:
        if content and not content.startswith(b'{"format"'[: len(content)]):
            raise FileFormatError(f"{path} is no keep-list; expected a first line with its format")
        return KeepList(None, (), 0)
    recipe = _recipe(path, first)
    scores = tuple(_score(line, f"{path}, line {number}") for number, line in enumerate(others, start=2))
    return KeepList(recipe, scores, len(whole))


def header_line(recipe: Recipe) -> bytes:
    """Return the first line of a list."""
    return _line({"format": FORMAT, **recipe.to_dict()})


def score_line(score: Score) -> bytes:
    """Return one of the other lines."""
    return _line(dataclasses.asdict(score))


def difference(found: Mapping[str, Any], wanted: Mapping[str, Any]) -> str | None:
    """Return where plain values differ first, as ``scenes.clutter is 1.0, not 2.0``; None: nowhere."""
    for name in dict.fromkeys((*wanted, *found)):
        one, other = found.get(name), wanted.get(name)
        if isinstance(one, Mapping) and isinstance(other, Mapping):
            inner = difference(one, other)
            if inner:
                return f"{name}.{inner}"
        elif one != other:
            return f"{name} is {one!r}, not {other!r}"
    return None


def _line(values: Mapping[str, Any]) -> bytes:
    return json.dumps(values, allow_nan=False).encode() + b"\n"


def _recipe(path: Path, line: bytes) -> Recipe:
    values = _mapping(line)
    kind = None if values is None else values.pop("format", None)
    if values is None or kind != FORMAT:
        raise FileFormatError(f"{path} is no keep-list: its first line says format {kind!r}, not {FORMAT!r}")
    try:
        return Recipe(**{**values, "scenes": SceneConfig(**values["scenes"])})
    except (TypeError, KeyError, ConfigError) as error:
        raise FileFormatError(f"{path} is of another version of this package: {error}") from None


def _score(line: bytes, where: str) -> Score:
    values = _mapping(line)
    try:
        score = Score(**{**(values or {}), "traits": tuple((values or {}).get("traits", ()))})
    except TypeError:
        score = None
    if score is None or not _sound(score):
        raise FileFormatError(f"{where} is damaged; expected a seed, its errors, and whether it is kept")
    checked_training_seed(score.seed, where)
    return score


def _sound(score: Score) -> bool:
    numbers = all(value is None or type(value) in (int, float) for value in (score.bp2, score.epe))
    words = all(type(word) is str for word in (score.composition, *score.traits))
    return numbers and words and type(score.seed) is int and type(score.kept) is bool


def _mapping(line: bytes) -> dict[str, Any] | None:
    try:
        values = parse_json(line, "a line")
    except FileFormatError:
        return None
    return values if isinstance(values, dict) else None


class KeepListWriter:
    """Appends scores to a list; a context manager. A line is on disk when `append` returns.

    Args:
        path: made if missing, with its folder; otherwise a list with the same recipe.
        recipe: how the scores come about.

    Attributes:
        scores: all of the list, those of earlier runs first.

    Raises:
        ConfigError: the list was made in another way.
        FileFormatError: it cannot be read or written, another run is writing to it, or it is no keep-list.
    """

    def __init__(self, path: Path, recipe: Recipe) -> None:
        self.path = path
        check_output(path)
        with ExitStack() as held:
            held.enter_context(reserved(path))
            with writing(path):
                self._stream = held.enter_context(path.open("ab", buffering=0))
            self.scores = self._resume(recipe)
            self._held = held.pop_all()

    def append(self, score: Score) -> None:
        """Write the next line.

        Raises:
            FileFormatError: the disk is full, or the like.
        """
        append(self.path, self._stream, score_line(score))
        self.scores.append(score)

    def close(self) -> None:
        """Finish the file."""
        self._held.close()

    def __enter__(self) -> KeepListWriter:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def _resume(self, recipe: Recipe) -> list[Score]:
        found = read_keep_list(self.path)
        if found.recipe is not None:
            unlike = difference(found.recipe.to_dict(), recipe.to_dict())
            if unlike:
                raise ConfigError(f"{self.path} was made in another way: its {unlike}; expected another file")
        self._stream.truncate(found.size)
        if found.recipe is None:
            append(self.path, self._stream, header_line(recipe))
        return list(found.scores)
