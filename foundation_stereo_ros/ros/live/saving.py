# SPDX-License-Identifier: Apache-2.0
"""Results on disk, written by a thread of their own: a slow disk does not hold up the next pair."""

from __future__ import annotations

import logging
from collections import deque
from collections.abc import Callable, Sequence
from concurrent.futures import Future
from pathlib import Path
from threading import Lock, Thread
from typing import NamedTuple

from foundation_stereo_ros.estimate.config import CloudSettings
from foundation_stereo_ros.estimate.files import KINDS, write_result
from foundation_stereo_ros.estimate.prediction import Prediction

_log = logging.getLogger(__name__)

DEFAULT_DIRECTORY = "~/.ros/foundation_stereo"

QUEUE_SIZE = 2
"""Results that wait for the disk at most, beside the one that is being written."""


class _Job(NamedTuple):
    result: Prediction
    config: CloudSettings
    folder: Path
    futures: Sequence[Future[list[Path]]]


class ResultSaver:
    """Writes a result for all who asked before it came; may be used from any thread.

    The thread, named "saving", runs while there is something to write. Python waits for it at its end,
    so that no file is left half-written.

    Args:
        saved: called once for each result written, before its futures are resolved.
    """

    def __init__(self, saved: Callable[[], None]) -> None:
        self._saved = saved
        self._lock = Lock()
        self._asking: list[Future[list[Path]]] = []
        self._jobs: deque[_Job] = deque()
        self._thread: Thread | None = None

    @property
    def ready(self) -> bool:
        """Whether the next result would be saved: somebody asks for one, and the queue has space for it."""
        with self._lock:
            return self._is_ready()

    def ask(self) -> Future[list[Path]]:
        """Ask for the files of the next result; they may be those of a later one while the queue is full."""
        future: Future[list[Path]] = Future()
        with self._lock:
            self._asking.append(future)
        return future

    def offer(self, result: Prediction, config: CloudSettings, directory: str, stamp_ns: int) -> None:
        """Write a result if it is asked for; returns at once.

        An error is that of the futures, and one line in the log.

        Args:
            result: what to write; must not change any more.
            config: see `estimate.files.write_result`.
            directory: where to make a folder for it, see `result_folder`.
            stamp_ns: names that folder.
        """
        with self._lock:
            if not self._is_ready():
                return
            asking, self._asking = self._asking, []
            self._jobs.append(_Job(result, config, result_folder(directory, stamp_ns), asking))
            if self._thread is None:
                self._thread = Thread(target=self._write_all, name="saving", daemon=False)
                self._thread.start()

    def cancel(self) -> None:
        """Cancel all who wait; a result that is being written becomes complete."""
        with self._lock:
            waiting = [*self._asking, *(future for job in self._jobs for future in job.futures)]
            self._asking = []
            self._jobs.clear()
        for future in waiting:
            future.cancel()

    def finish(self, timeout: float) -> bool:
        """Wait until all results are written; return False where that takes more than ``timeout`` seconds."""
        with self._lock:
            thread = self._thread
        if thread is not None:
            thread.join(timeout)
        return thread is None or not thread.is_alive()

    def _is_ready(self) -> bool:
        self._asking = [future for future in self._asking if not future.cancelled()]
        return bool(self._asking) and len(self._jobs) < QUEUE_SIZE

    def _write_all(self) -> None:
        while True:
            with self._lock:
                if not self._jobs:
                    self._thread = None
                    return
                job = self._jobs.popleft()
            self._write(job)

    def _write(self, job: _Job) -> None:
        waiting = [future for future in job.futures if future.set_running_or_notify_cancel()]
        if not waiting:
            return
        try:
            files = write_result(job.folder, job.result, job.config, KINDS)
        except Exception as error:
            _log.error("result not saved: %s", error)
            for future in waiting:
                future.set_exception(error)
            return
        _log.info("result saved to %s", job.folder)
        self._saved()
        for future in waiting:
            future.set_result(files)


def result_folder(directory: str, stamp_ns: int) -> Path:
    """Return the folder of one result: the stamp's seconds and nanoseconds, in a directory or the default."""
    sec, nanosec = divmod(stamp_ns, 1_000_000_000)
    return Path(directory or DEFAULT_DIRECTORY).expanduser() / f"{sec}_{nanosec:09d}"
