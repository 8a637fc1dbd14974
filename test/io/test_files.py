# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

from pathlib import Path

import pytest

from foundation_stereo_ros.errors import FileFormatError
from foundation_stereo_ros.io.files import atomic_write, read_text


def test_the_file_appears_when_it_is_whole(tmp_path: Path) -> None:
    path = tmp_path / "new" / "folder" / "a.bin"
    with atomic_write(path) as stream:
        stream.write(b"abc")
        assert not path.exists()
    assert path.read_bytes() == b"abc"
    assert [p.name for p in path.parent.iterdir()] == ["a.bin"]


@pytest.mark.parametrize("stop", [ValueError, KeyboardInterrupt])
def test_a_failure_keeps_the_old_file_and_leaves_nothing_behind(
    tmp_path: Path, stop: type[BaseException]
) -> None:
    path = tmp_path / "a.bin"
    path.write_bytes(b"old")

    def fail_midway() -> None:
        with atomic_write(path) as stream:
            stream.write(b"half of the n")
            raise stop

    with pytest.raises(stop):
        fail_midway()
    assert path.read_bytes() == b"old"
    assert [p.name for p in tmp_path.iterdir()] == ["a.bin"]


def test_a_place_that_cannot_be_written_is_named(tmp_path: Path) -> None:
    (tmp_path / "file").write_bytes(b"")
    with (
        pytest.raises(FileFormatError, match=r"cannot write .*file/a\.bin"),
        atomic_write(tmp_path / "file" / "a.bin"),
    ):
        pass


def test_a_text_of_gigabytes_is_not_read(tmp_path: Path) -> None:
    path = tmp_path / "long.txt"
    with path.open("wb") as stream:
        stream.truncate(10 * 2**30)
    with pytest.raises(FileFormatError, match="has 10,737,418,240 bytes; expected at most 16,000,000"):
        read_text(path)
