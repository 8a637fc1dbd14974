# SPDX-License-Identifier: Apache-2.0
"""Writers of recordings that are killed at random moments, and what they leave.

    python test/support/kills.py --rounds 200 [--seed N]

Each writer notes every message in a journal of its own, with a call of the system for each, so that it is
known what is missing in the recording.
"""

from __future__ import annotations

import argparse
import multiprocessing
import os
import resource
import secrets
import struct
import tempfile
import time
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from mcap.exceptions import EndOfFile, RecordLengthLimitExceeded
from mcap.records import Message
from mcap.stream_reader import StreamReader

from foundation_stereo_ros.errors import BagError
from foundation_stereo_ros.ros.bags.reader import Recording
from foundation_stereo_ros.ros.bags.storage import RecordedMessage
from foundation_stereo_ros.ros.bags.writer import BagWriter
from foundation_stereo_ros.ros.messages.cdr import schema_of
from foundation_stereo_ros.ros.messages.topics import Topic

MOST_LOST_S = 2.0

TOPIC = Topic("/bytes", schema_of("std_msgs/msg/ByteMultiArray"))
_NOTE = struct.Struct("<QQ")
_SIZES = (0, 100, 10_000, 300_000, 2_000_000)
_LONGEST_S = 3.0


@dataclass
class Left:
    """What the killed writers left.

    Attributes:
        rounds: kills.
        files: recordings, all of which both libraries read.
        lost_s: the greatest age of a message that is missing, at the kill.
    """

    rounds: int = 0
    files: int = 0
    lost_s: float = 0.0


def write_for_ever(path: Path, journal: Path, seed: int) -> None:
    """Write recordings, one after the other under one name, of messages of all sizes."""
    random = np.random.default_rng(seed)
    noise = random.integers(0, 256, 2 * max(_SIZES), dtype=np.uint8).tobytes()
    notes = os.open(journal, os.O_WRONLY | os.O_CREAT | os.O_APPEND)
    number = 0
    while True:
        longest = float(random.choice((0.02, 0.5, 10.0)))
        size, pause = int(random.choice(_SIZES)), float(random.choice((0.0, 0.01, 0.2)))
        end = time.monotonic() + longest
        with BagWriter(path, force=True) as writer:
            while time.monotonic() < end:
                now, data = time.time_ns(), noise[: int(random.integers(size + 1))]
                os.write(notes, _NOTE.pack(number, now))
                writer.copy(RecordedMessage(TOPIC, now, now, number, data))
                number += 1
                writer.flush(1.0)
                time.sleep(pause)


def kill_rounds(rounds: int, seed: int, folder: Path, together: int = 4) -> Left:
    """Kill writers, some at a time, and check what they leave; it fails where that is not as it should be."""
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload(["foundation_stereo_ros.ros.bags.writer"])
    random, left = np.random.default_rng(seed), Left()
    for first in range(0, rounds, together):
        group = []
        for number in range(first, min(first + together, rounds)):
            path, journal = folder / f"{number}.mcap", folder / f"{number}.journal"
            process = context.Process(target=write_for_ever, args=(path, journal, seed + number), daemon=True)
            process.start()
            group.append((process, path, journal))
        try:
            for process, path, journal in group:
                _wait_for(journal)
                time.sleep(float(random.uniform(0, _LONGEST_S / together)))
                process.kill()
                killed = time.time_ns()
                process.join()
                _check(path, journal, killed, left)
        finally:
            for process, _, _ in group:  # after a failure the others would write for ever
                process.kill()
    return left


def _wait_for(journal: Path) -> None:
    end = time.monotonic() + 60
    while not journal.exists():
        assert time.monotonic() < end, "no writer has begun"
        time.sleep(0.005)


def _check(path: Path, journal: Path, killed: int, left: Left) -> None:
    noted = dict(_NOTE.iter_unpack(journal.read_bytes()))
    partial = path.with_name(f"{path.stem}.partial.mcap")
    there = [file for file in (path, partial) if file.exists()]
    last = -1
    for file in there:
        found = numbers(file)
        assert found == by_mcap(file), file
        # Each recording has its messages without a gap.
        assert found == list(range(found[0], found[0] + len(found))) if found else True, file
        last = max([last, *found])
        left.files += 1
    missing = [at for number, at in noted.items() if number > last]
    if missing:
        left.lost_s = max(left.lost_s, (killed - min(missing)) / 1e9)
    assert left.lost_s <= MOST_LOST_S, f"{path}: a message {left.lost_s:.2f} s old is lost"
    # The next one is not kept out by the lock of the one that was killed.
    BagWriter(path, force=True).close()
    left.rounds += 1
    for file in (path, journal):
        file.unlink()


@contextmanager
def disk_of(size: int) -> Iterator[None]:
    """Let no file grow beyond so many bytes; the system answers much as for a full disk."""
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))


@contextmanager
def unless_empty() -> Iterator[None]:
    """Pass over what the reader says of a file whose writer was killed before anything was on disk."""
    try:
        yield
    except BagError as error:
        if "no topic and no message before that" not in str(error):
            raise


def numbers(file: Path) -> list[int]:
    """Return the numbers of all messages, in the order of the file, by this package's reader."""
    with unless_empty(), Recording(file) as recording:
        return [message.sequence for message in recording.messages()]
    return []


def by_mcap(file: Path) -> list[int]:
    """Return the same by the ``mcap`` library alone, up to where the file breaks off."""
    found: list[int] = []
    with file.open("rb") as stream, suppress(EndOfFile, RecordLengthLimitExceeded, struct.error):
        records: Iterable[object] = StreamReader(stream, emit_chunks=False).records
        found += (record.sequence for record in records if isinstance(record, Message))
    return found


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=200)
    parser.add_argument("--seed", type=int, default=secrets.randbelow(1 << 31))
    args = parser.parse_args()
    print(f"seed {args.seed}", flush=True)
    begin = time.monotonic()
    with tempfile.TemporaryDirectory() as folder:
        left = kill_rounds(args.rounds, args.seed, Path(folder))
    print(
        f"{left.rounds} kills in {time.monotonic() - begin:.0f} s: {left.files} recordings left, all of them "
        f"readable; the oldest message lost was {left.lost_s:.2f} s old"
    )


if __name__ == "__main__":
    main()
