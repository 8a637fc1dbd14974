# SPDX-License-Identifier: Apache-2.0
"""A keep-list that grows line by line, and goes on where a broken-off run left it."""

from __future__ import annotations

import fcntl
from pathlib import Path
from types import TracebackType

from foundation_stereo_ros.errors import ConfigError, FileFormatError
from foundation_stereo_ros.train.curation.keep_list import (
    Recipe,
    Score,
    difference,
    header_line,
    read_keep_list,
    score_line,
)


class KeepListWriter:
    """Appends scores to a list; a context manager. A line is on disk when `append` returns.

    Args:
        path: made if missing, with its folder; otherwise a list with the same recipe.
        recipe: how the scores come about.

    Attributes:
        scores: all of the list, those of earlier runs first.

    Raises:
        ConfigError: the list was made in another way, or another run is writing to it.
        FileFormatError: it cannot be read or written, or is no keep-list.
    """

    def __init__(self, path: Path, recipe: Recipe) -> None:
        self.path = path
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            self._stream = path.open("ab", buffering=0)
        except OSError as error:
            raise FileFormatError(f"cannot write {path}: {error.strerror or error}") from None
        try:
            self._lock()
            self.scores = self._resume(recipe)
        except BaseException:
            self._stream.close()
            raise

    def append(self, score: Score) -> None:
        """Write the next line.

        Raises:
            FileFormatError: the disk is full, or the like.
        """
        self._write(score_line(score))
        self.scores.append(score)

    def close(self) -> None:
        """Finish the file."""
        self._stream.close()

    def __enter__(self) -> KeepListWriter:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def _lock(self) -> None:
        try:
            fcntl.flock(self._stream, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise ConfigError(f"{self.path} is being written by another run; expected one only") from None
        except OSError:
            pass  # some network disks know no locks

    def _resume(self, recipe: Recipe) -> list[Score]:
        found = read_keep_list(self.path)
        if found.recipe is not None:
            unlike = difference(found.recipe.to_dict(), recipe.to_dict())
            if unlike:
                raise ConfigError(f"{self.path} was made in another way: its {unlike}; expected another file")
        self._stream.truncate(found.size)
        if found.recipe is None:
            self._write(header_line(recipe))
        return list(found.scores)

    def _write(self, line: bytes) -> None:
        try:
            # unbuffered, so that the line is one call; a full disk may still take a part of it
            if self._stream.write(line) != len(line):
                raise OSError("no space left")
        except OSError as error:
            raise FileFormatError(f"cannot write {self.path}: {error.strerror or error}") from None
