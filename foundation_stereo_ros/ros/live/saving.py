# SPDX-License-Identifier: Apache-2.0
"""Requests to write the next result to disk."""

from __future__ import annotations

import logging
from concurrent.futures import Future
from pathlib import Path
from threading import Lock

from foundation_stereo_ros.estimate.config import CloudSettings
from foundation_stereo_ros.estimate.files import KINDS, write_result
from foundation_stereo_ros.estimate.prediction import Prediction

_log = logging.getLogger(__name__)

DEFAULT_DIRECTORY = "~/.ros/foundation_stereo"


class SaveRequests:
    """Those who wait for a result on disk; may be used from any thread."""

    def __init__(self) -> None:
        self._lock = Lock()
        self._futures: list[Future[list[Path]]] = []

    @property
    def pending(self) -> bool:
        """Whether somebody waits."""
        with self._lock:
            self._futures = [future for future in self._futures if not future.cancelled()]
            return bool(self._futures)

    def add(self) -> Future[list[Path]]:
        """Wait for the files of the next result."""
        future: Future[list[Path]] = Future()
        with self._lock:
            self._futures.append(future)
        return future

    def cancel(self) -> None:
        """Cancel all who wait."""
        for future in self._take():
            future.cancel()

    def fulfil(self, result: Prediction, config: CloudSettings, directory: str, stamp_ns: int) -> bool:
        """Write a result once for all who wait; an error is theirs, and one line in the log.

        Args:
            result: what to write.
            config: see `estimate.files.write_result`.
            directory: where to make a folder for it, see `result_folder`.
            stamp_ns: names that folder.

        Returns:
            Whether it was written.
        """
        waiting = [future for future in self._take() if future.set_running_or_notify_cancel()]
        if not waiting:
            return False
        try:
            files = write_result(result_folder(directory, stamp_ns), result, config, KINDS)
        except Exception as error:
            _log.error("result not saved: %s", error)
            for future in waiting:
                future.set_exception(error)
            return False
        _log.info("result saved to %s", files[0].parent)
        for future in waiting:
            future.set_result(files)
        return True

    def _take(self) -> list[Future[list[Path]]]:
        with self._lock:
            taken, self._futures = self._futures, []
        return taken


def result_folder(directory: str, stamp_ns: int) -> Path:
    """Return the folder of one result: the stamp's seconds and nanoseconds, in a directory or the default."""
    sec, nanosec = divmod(stamp_ns, 1_000_000_000)
    return Path(directory or DEFAULT_DIRECTORY).expanduser() / f"{sec}_{nanosec:09d}"
