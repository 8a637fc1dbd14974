# SPDX-License-Identifier: Apache-2.0
"""Places to write to: never that of an input, and one job's at a time.

A command tells what it reads (`keeping`, `keep`). Whatever writes a file asks `check_output` before it opens
or replaces one. Files are compared by what the disk says they are, so links and other spellings are found.
"""

from __future__ import annotations

import os
import stat
from collections.abc import Iterable, Iterator
from contextlib import AbstractContextManager, ExitStack, contextmanager, suppress
from pathlib import Path
from secrets import token_hex

from foundation_stereo_ros.errors import FileFormatError

try:
    import fcntl
except ImportError:  # Windows: two jobs are not kept apart there
    fcntl = None  # type: ignore[assignment]

_NEW = os.O_RDWR | os.O_CREAT | getattr(os, "O_NOFOLLOW", 0) | getattr(os, "O_CLOEXEC", 0)


class _Inputs:
    """Files that may not be written, by device and inode; asked of the disk when first needed."""

    def __init__(self) -> None:
        self.waiting: list[Path] = []
        self._known: dict[tuple[int, int], Path] = {}

    def find(self, status: os.stat_result) -> Path | None:
        while self.waiting:
            path = self.waiting.pop()
            with suppress(OSError):
                found = path.stat()
                self._known[found.st_dev, found.st_ino] = path
        return self._known.get((status.st_dev, status.st_ino))


_inputs: _Inputs | None = None


@contextmanager
def keeping(inputs: Iterable[Path]) -> Iterator[None]:
    """Let nothing in this process write to these files until the block ends."""
    global _inputs
    before, _inputs = _inputs, _Inputs()
    keep(inputs)
    try:
        yield
    finally:
        _inputs = before


def keep(inputs: Iterable[Path]) -> None:
    """Add files that were found later to those of `keeping`; outside of such a block this does nothing."""
    if _inputs is not None:
        _inputs.waiting += inputs


def check_output(path: Path, why: str = "") -> None:
    """See that a file may be written, or that there is none yet.

    Args:
        path: to write.
        why: what it is for, where the user did not choose its name; ends the sentence.

    Raises:
        FileFormatError: it is an input, or no regular file.
    """
    try:
        status = path.stat()
    except OSError:
        return  # whoever opens it says what is wrong
    found = _inputs.find(status) if _inputs else None
    if found is not None:
        same = "" if found == path else f" ({found})"
        raise FileFormatError(f"{path} is an input{same}, which is never written to{why}; use another output")
    if not stat.S_ISREG(status.st_mode):
        kind = "a folder" if stat.S_ISDIR(status.st_mode) else "a device or a pipe"
        raise FileFormatError(f"cannot write {path}: it is {kind}; expected the name of a file")


def check_free(paths: Iterable[Path], force: bool) -> None:
    """See that files may be written, and that none is there already unless they may be replaced.

    Raises:
        FileFormatError: names the first that may not.
    """
    for path in paths:
        check_output(path)
        if not force and os.path.lexists(path):
            raise FileFormatError(f"{path} exists already; use another output, or replace it", remedy="force")


@contextmanager
def reserved(*files: Path) -> Iterator[None]:
    """Keep other jobs from writing these files until the block ends.

    Each has a lock, ``.NAME.lock`` beside it. The system frees it when this process ends, however it does.
    Folders are made.

    Raises:
        FileFormatError: another job is writing one of them, one is an input, or the folder cannot be written
            to.
    """
    with ExitStack() as held:
        for path in files:
            check_output(path)
            held.enter_context(_locked(path, path.with_name(f".{path.name}.lock")))
        yield


def reserved_folder(folder: Path) -> AbstractContextManager[None]:
    """As `reserved`, for all that a job writes to a folder; the lock is in it."""
    return _locked(folder, folder / ".foundation_stereo.lock")


@contextmanager
def _locked(place: Path, lock: Path) -> Iterator[None]:
    made = not lock.parent.exists()
    try:
        lock.parent.mkdir(parents=True, exist_ok=True)
        check_output(lock)
        descriptor = _open_lock(lock)
    except BlockingIOError:
        raise FileFormatError(f"another job is writing {place}; expected to be the only one") from None
    except OSError as error:
        raise FileFormatError(f"cannot write {place}: {error.strerror or error}") from error
    try:
        yield
    finally:
        with suppress(OSError):
            if not os.fstat(descriptor).st_size:  # otherwise it is somebody's file
                lock.unlink()
            if made:
                lock.parent.rmdir()  # where nothing came to be in it
        os.close(descriptor)


def _open_lock(lock: Path) -> int:
    while True:
        descriptor = os.open(lock, _NEW, 0o666)
        if fcntl is None:
            return descriptor
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            os.close(descriptor)
            raise
        except OSError:
            return descriptor  # some network disks know no locks
        # Its last owner may have removed it in the meantime.
        with suppress(FileNotFoundError):
            if os.path.samestat(os.fstat(descriptor), lock.stat()):
                return descriptor
        os.close(descriptor)


def new_beside(path: Path) -> Path:
    """Make an empty file in the folder of another, which is made too, with the rights that new files get.

    Nobody can have put a link there: the name is random, and the file is new.

    Raises:
        OSError: the place cannot be written to.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    made = path.with_name(f".{path.name}.{token_hex(4)}.tmp")
    os.close(os.open(made, _NEW | os.O_EXCL, 0o666))
    return made
