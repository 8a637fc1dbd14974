# SPDX-License-Identifier: Apache-2.0
"""Writers that are killed or whose disk fails leave recordings that can be read."""

from __future__ import annotations

import secrets
from pathlib import Path

import pytest
from kills import TOPIC, by_mcap, disk_of, kill_rounds, numbers

from foundation_stereo_ros.errors import BagError
from foundation_stereo_ros.ros.bags.storage import RecordedMessage
from foundation_stereo_ros.ros.bags.writer import BagWriter


def message(number: int, size: int = 1000) -> RecordedMessage:
    noise = secrets.token_bytes(size)
    return RecordedMessage(TOPIC, number, number, number, noise)


def test_a_kill_at_any_time_leaves_a_recording_that_can_be_read(tmp_path: Path) -> None:
    seed = secrets.randbelow(1 << 31)
    print(f"seed {seed}")
    left = kill_rounds(16, seed, tmp_path)
    assert left.rounds == 16 and left.files >= 14


@pytest.mark.parametrize("size", [20_000, 300_000, 2_500_000])
@pytest.mark.parametrize("often", [1, 7, 10_000])
def test_a_full_disk_keeps_what_is_there(tmp_path: Path, size: int, often: int) -> None:
    path = tmp_path / "out.mcap"
    writer = BagWriter(path)
    written = 0
    with disk_of(size), pytest.raises(BagError) as caught:
        for number in range(5000):
            writer.copy(message(number))
            if number % often == 0:
                writer.flush()
                written = number + 1
    partial = tmp_path / "out.partial.mcap"
    assert str(caught.value) == (
        f"cannot write {path}: File too large; {partial} holds what was written before"
    )
    writer.close()
    found = numbers(partial)
    assert found == by_mcap(partial) == list(range(len(found)))
    # All that was flushed; and where nobody flushes, a chunk of a MiB is what is lost at most.
    assert len(found) >= (written if often < 10_000 else (size - 1_100_000) // 1100)
    assert list(tmp_path.iterdir()) == [partial]
    with BagWriter(path, force=True) as again:
        again.copy(message(0))
    assert numbers(path) == [0]


def test_a_disk_that_is_full_at_the_end(tmp_path: Path) -> None:
    writer = BagWriter(tmp_path / "out.mcap")
    for number in range(20):
        writer.copy(message(number))
    writer.flush()
    partial = tmp_path / "out.partial.mcap"
    with disk_of(partial.stat().st_size + 10), pytest.raises(BagError, match="holds what was written before"):
        writer.close()
    assert numbers(partial) == by_mcap(partial) == list(range(20))


def test_places_that_cannot_be_written_to(tmp_path: Path) -> None:
    for place in (Path("/sys/kernel/out.mcap"), Path("/proc/out.mcap")):
        with pytest.raises(BagError, match=rf"^cannot write {place}"):
            BagWriter(place)
    with disk_of(10), pytest.raises(BagError, match=r"cannot write .*File too large"):
        BagWriter(tmp_path / "out.mcap")
    assert list(tmp_path.iterdir()) == []


@pytest.mark.ros
def test_ros_reads_what_a_kill_leaves(tmp_path: Path) -> None:
    import os

    import rosbag2_py

    path = tmp_path / "out.mcap"
    if not os.fork():
        writer = BagWriter(path)
        for number in range(50):
            writer.copy(message(number, 40_000))
        writer.flush()
        for number in range(50, 90):
            writer.copy(message(number, 40_000))
        os.kill(os.getpid(), 9)
    os.wait()
    partial = tmp_path / "out.partial.mcap"
    reader = rosbag2_py.SequentialReader()
    options = rosbag2_py.StorageOptions(uri=str(partial), storage_id="mcap")
    reader.open(options, rosbag2_py.ConverterOptions("cdr", "cdr"))
    stamps = []
    while reader.has_next():
        stamps.append(reader.read_next()[2])
    assert stamps == numbers(partial) and len(stamps) >= 50
