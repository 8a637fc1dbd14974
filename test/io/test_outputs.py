# SPDX-License-Identifier: Apache-2.0
"""Outputs never take the place of an input, and two jobs never write one file."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from kills import disk_of

from foundation_stereo_ros.errors import FileFormatError
from foundation_stereo_ros.io.files import atomic_path, atomic_write, write_json
from foundation_stereo_ros.io.outputs import (
    check_free,
    check_output,
    keep,
    keeping,
    new_beside,
    reserved,
    reserved_folder,
)

CONTENT = b"precious"


def spell(folder: Path, name: str, ways: list[str]) -> Path:
    """Return another path of a file, by one way after the other."""
    path = folder / name
    for number, way in enumerate(ways):
        link = folder / f"link{number}"
        if way == "dot":
            path = path.parent / "." / path.name
        elif way == "up":
            real = path.parent.resolve()
            path = real / ".." / real.name / path.name
        elif way == "symlink":
            link.symlink_to(Path.cwd() / path)
            path = link
        elif way == "relative":
            path = Path(os.path.relpath(path.parent.resolve() / path.name))
        elif way == "hard link":
            os.link(path.resolve(), link)
            path = link
        else:
            link.symlink_to(Path.cwd() / path.parent, target_is_directory=True)
            path = link / path.name
    return path


@settings(deadline=None, max_examples=60)
@given(st.lists(st.sampled_from(["dot", "up", "symlink", "relative", "hard link", "folder"]), max_size=5))
def test_an_input_is_never_written_by_whatever_name(tmp_path_factory: pytest.TempPathFactory, ways) -> None:
    folder = tmp_path_factory.mktemp("spelled")
    original = folder / "input.json"
    original.write_bytes(CONTENT)
    output = spell(folder, original.name, ways)
    before = sorted(folder.iterdir())
    with keeping([original]):
        with pytest.raises(FileFormatError, match=r"is an input.*never written"):
            write_json(output, {})
        with pytest.raises(FileFormatError, match="is an input"):
            check_free([output], force=True)
        write_json(folder / "other.json", {})
    assert original.read_bytes() == output.read_bytes() == CONTENT
    assert sorted(folder.iterdir()) == sorted([*before, folder / "other.json"])


@settings(deadline=None, max_examples=40)
@given(st.lists(st.sampled_from(["dot", "up", "folder", "relative"]), max_size=4))
def test_two_jobs_do_not_write_one_file_by_whatever_name(
    tmp_path_factory: pytest.TempPathFactory, ways
) -> None:
    folder = tmp_path_factory.mktemp("spelled")
    with reserved(folder / "out.json"):
        with (
            pytest.raises(FileFormatError, match="another job is writing"),
            reserved(spell(folder, "out.json", ways)),
        ):
            pass
        with reserved(folder / "other.json"):
            pass
    assert not [path for path in folder.iterdir() if path.name.endswith(".lock")]


def test_outside_of_a_command_nothing_is_kept(tmp_path: Path) -> None:
    path = tmp_path / "a.json"
    write_json(path, {})
    keep([path])
    write_json(path, {})
    with keeping([]):
        keep([path])
        with pytest.raises(FileFormatError):
            check_output(path)
    check_output(path)


def test_what_is_no_file_is_no_output(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    for place, kind in ((tmp_path, "a folder"), (tmp_path / "pipe", "a device or a pipe")):
        with pytest.raises(FileFormatError, match=f"is {kind}; expected the name of a file"):
            write_json(place, {})
    with pytest.raises(FileFormatError, match="/dev/full: it is a device"):
        write_json(Path("/dev/full"), {})
    assert Path("/dev/full").is_char_device()


def test_a_lock_that_a_killed_job_left_keeps_nobody_out(tmp_path: Path) -> None:
    out = tmp_path / "out.json"
    code = (
        "import os, sys; from pathlib import Path\n"
        "from foundation_stereo_ros.io.outputs import reserved\n"
        "with reserved(Path(sys.argv[1])):\n"
        "    print('held', flush=True); sys.stdin.read()\n"
    )
    root = Path(__file__).parents[2]
    process = subprocess.Popen(
        [sys.executable, "-c", code, str(out)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, cwd=root
    )
    assert process.stdout and process.stdout.readline() == b"held\n"
    with pytest.raises(FileFormatError, match="another job is writing"), reserved(out):
        pass
    process.kill()
    process.communicate()
    assert (tmp_path / ".out.json.lock").exists()
    with reserved(out):
        pass
    assert list(tmp_path.iterdir()) == []


def test_a_folder_is_one_place(tmp_path: Path) -> None:
    with reserved_folder(tmp_path / "new"):
        with (
            pytest.raises(FileFormatError, match=r"another job is writing .*new"),
            reserved_folder(tmp_path / "new" / "."),
        ):
            pass
        with reserved_folder(tmp_path / "old"):
            pass


@pytest.mark.parametrize("umask", [0o022, 0o077, 0o002, 0o027])
@pytest.mark.parametrize("old", [None, 0o600])
def test_files_get_the_rights_that_new_files_get(tmp_path: Path, umask: int, old: int | None) -> None:
    from safetensors.torch import save_file

    plain, made, named = (tmp_path / name for name in ("plain", "made", "named"))
    before = os.umask(umask)
    try:
        plain.touch()
        if old:
            made.touch(old)
        with atomic_write(made) as stream:
            stream.write(CONTENT)
        with atomic_path(named) as unfinished:
            save_file({}, unfinished)  # which makes a file of its own, for its owner alone
    finally:
        os.umask(before)
    assert made.stat().st_mode == named.stat().st_mode == plain.stat().st_mode


def test_no_link_at_a_temporary_name_is_followed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    victim = tmp_path / "victim"
    victim.write_bytes(CONTENT)
    monkeypatch.setattr("foundation_stereo_ros.io.outputs.token_hex", lambda size: "known")
    (tmp_path / ".out.known.tmp").symlink_to(victim)
    with pytest.raises(FileFormatError, match=r"cannot write .*File exists"), atomic_write(tmp_path / "out"):
        pass
    (tmp_path / ".out.lock").symlink_to(victim)
    with pytest.raises(FileFormatError, match="cannot write"), reserved(tmp_path / "out"):
        pass
    assert victim.read_bytes() == CONTENT


def test_temporary_names_are_never_the_same(tmp_path: Path) -> None:
    assert len({new_beside(tmp_path / "out") for _ in range(50)}) == 50


def bad_disk(do: Callable[[], None]) -> str:
    with pytest.raises(FileFormatError) as caught:
        do()
    return str(caught.value)


def test_a_failing_disk_is_one_sentence_and_the_old_file_stays(tmp_path: Path) -> None:
    path = tmp_path / "out.json"
    write_json(path, {"old": 1})
    before = path.read_bytes()
    with disk_of(1000):
        said = bad_disk(lambda: write_json(path, {"long": "x" * 5000}))
    assert said == f"cannot write {path}: File too large"
    assert path.read_bytes() == before and list(tmp_path.iterdir()) == [path]
    assert bad_disk(lambda: write_json(Path("/sys/kernel/out.json"), {})).startswith(
        "cannot write /sys/kernel"
    )
