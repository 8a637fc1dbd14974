# SPDX-License-Identifier: Apache-2.0
import shutil
import sqlite3
import struct
from collections import Counter
from pathlib import Path

import pytest
import zstandard
from mcap.writer import CompressionType, IndexType
from mcap.writer import Writer as McapWriter

from foundation_stereo_ros.cli.main import main
from foundation_stereo_ros.errors import BagError
from foundation_stereo_ros.ros.bags import qos
from foundation_stereo_ros.ros.bags.reader import Recording, read_messages

KINDS = [
    ("mcap", ""),
    ("mcap", "storage"),
    ("sqlite3", ""),
    ("sqlite3", "message"),
    ("sqlite3", "file"),
    ("mcap", "file"),
    ("ros1", ""),
    ("ros1", "bz2"),
    ("ros1", "lz4"),
]


@pytest.mark.parametrize(("kind", "compression"), KINDS)
def test_everything_comes_as_it_was_written(record, expected, kind, compression) -> None:
    written = sorted(expected(), key=lambda item: item[2])
    with Recording(record(kind, compression=compression)) as recording:
        read = [
            (
                m.topic.name,
                m.topic.msgtype,
                m.log_time,
                m.data,
                qos.is_latched(m.topic.metadata.get(qos.KEY, "")),
            )
            for m in recording.messages()
        ]
        assert recording.damage == ""
        assert recording.notices == []
        assert (recording.start_ns, recording.end_ns) == (written[0][2], written[-1][2])
        counts = {topic.name: topic.count for topic in recording.topics}
    assert sorted(read) == sorted(written)
    assert [item[2] for item in read] == [item[2] for item in written]
    assert counts["/rig/left/image_rect"] == 5
    assert counts["/tf_static"] == 1


@pytest.mark.parametrize("kind", ["mcap", "sqlite3", "ros1"])
def test_topics_and_times_are_filtered(record, expected, kind) -> None:
    start, stop = expected()[0][2] + 10**8, expected()[0][2] + 3 * 10**8
    with Recording(record(kind)) as recording:
        messages = list(recording.messages(["/rig/left/camera_info"], start, stop))
    assert [m.log_time for m in messages] == [start, start + 10**8]
    assert {m.topic.name for m in messages} == {"/rig/left/camera_info"}


def test_decoded_messages(record) -> None:
    messages = list(read_messages(record("mcap"), ["/rig/right/camera_info"]))
    assert len(messages) == 5
    assert messages[0].message.p[3] == pytest.approx(-8.0)
    assert messages[0].message.header.frame_id == "left_optical"


def test_ros1_calibration_is_that_of_ros2(record) -> None:
    ours = next(read_messages(record("ros1"), ["/rig/left/camera_info"]))
    assert ours.message.k[0] == 80.0
    assert ours.message.distortion_model == "plumb_bob"


@pytest.mark.parametrize("name", ["recording.mcap", "recording_0.mcap"])
def test_truncated_mcap_is_read_up_to_the_damage(record, tmp_path, name) -> None:
    folder = record("mcap", frames=200)
    data = (folder / "recording.mcap").read_bytes()
    cut = tmp_path / name
    cut.write_bytes(data[: int(len(data) * 0.6)])
    whole = [m.data for m in Recording(folder).messages()]
    with Recording(cut) as recording:
        part = [m.data for m in recording.messages()]
        assert "its end is missing" in recording.damage
        assert sum(topic.count for topic in recording.topics) == len(part)
    assert 0.4 * len(whole) < len(part) < len(whole)
    assert part == whole[: len(part)]


def test_mcap_cut_inside_a_message_gives_no_half_message(tmp_path) -> None:
    path = tmp_path / "plain.mcap"
    ends = []
    with path.open("wb") as stream:
        writer = McapWriter(stream, use_chunking=False)
        writer.start("ros2")
        channel = writer.register_channel(
            "/a", "cdr", writer.register_schema("a/msg/A", "ros2msg", b"uint8 a")
        )
        for number in range(3):
            writer.add_message(channel, number + 1, bytes(100), number + 1)
            ends.append(stream.tell())
    path.write_bytes(path.read_bytes()[: ends[-1] - 50])
    with Recording(path) as recording:
        assert [len(m.data) for m in recording.messages()] == [100, 100]
        assert recording.damage


def test_complete_mcap_without_index_is_no_damage(tmp_path) -> None:
    path = tmp_path / "unindexed.mcap"
    writer = McapWriter(
        str(path),
        chunk_size=100,
        compression=CompressionType.LZ4,
        index_types=IndexType.NONE,
        repeat_channels=False,
        repeat_schemas=False,
        use_statistics=False,
        use_summary_offsets=False,
    )
    writer.start("ros2")
    channel = writer.register_channel("/a", "cdr", writer.register_schema("a/msg/A", "ros2msg", b"uint8 a"))
    for number in range(50):
        writer.add_message(channel, number + 1, bytes(10), number + 1)
    writer.finish()
    with Recording(path) as recording:
        assert [m.log_time for m in recording.messages(start_ns=11)] == list(range(11, 51))
        assert recording.damage == ""
        assert (recording.start_ns, recording.end_ns) == (1, 50)
        assert [topic.count for topic in recording.topics] == [50]


def test_damaged_chunk_ends_an_indexed_mcap_with_a_warning(record) -> None:
    path = record("mcap", frames=200) / "recording.mcap"
    data = bytearray(path.read_bytes())
    # A length in the middle of the data section becomes nonsense.
    data[len(data) // 2 : len(data) // 2 + 4000] = b"\xff" * 4000
    path.write_bytes(bytes(data))
    with Recording(path) as recording:
        list(recording.messages())
        ours = recording.damage
    # The writer of this recording stores no checksum, so pixels alone may change without notice.
    assert ours == "" or "damaged" in ours


@pytest.mark.parametrize("share", [0.3, 0.6, 0.9])
def test_truncated_sqlite_is_read_up_to_the_damage(record, tmp_path, share) -> None:
    folder = record("sqlite3", frames=100)
    data = (folder / "recording.db3").read_bytes()
    cut = tmp_path / "cut.db3"
    cut.write_bytes(data[: int(len(data) * share)])
    whole = [m.data for m in Recording(folder).messages()]
    with Recording(cut) as recording:
        part = [m.data for m in recording.messages()]
        assert "cut.db3" in recording.damage
        assert recording.start_ns
    assert (share - 0.2) * len(whole) < len(part) < len(whole)
    assert part == whole[: len(part)]


@pytest.mark.parametrize("kind", ["mcap", "sqlite3"])
@pytest.mark.parametrize("share", [0.5, 0.9])
def test_truncated_compressed_file_is_read_as_far_as_it_goes(record, tmp_path, kind, share) -> None:
    folder = record(kind, frames=200)
    source = next(path for path in folder.iterdir() if path.suffix in (".mcap", ".db3"))
    # Pictures of noise: several blocks of the compression.
    packed = zstandard.ZstdCompressor().compress(source.read_bytes())
    cut = tmp_path / f"cut{source.suffix}.zstd"
    cut.write_bytes(packed[: int(len(packed) * share)])
    whole = [m.data for m in Recording(folder).messages()]
    with Recording(cut) as recording:
        part = [m.data for m in recording.messages()]
        assert recording.damage.startswith(f"{cut.name} breaks off: ")
    assert (share - 0.3) * len(whole) < len(part) < len(whole)
    assert part == whole[: len(part)]


def test_compressed_file_of_several_frames_is_whole(record, tmp_path) -> None:
    source = next(record("mcap").glob("*.mcap"))
    data = source.read_bytes()
    pack = zstandard.ZstdCompressor().compress
    (tmp_path / "two.mcap.zstd").write_bytes(pack(data[:1000]) + pack(data[1000:]))
    with Recording(tmp_path / "two.mcap.zstd") as recording, Recording(source) as plain:
        assert [m.data for m in recording.messages()] == [m.data for m in plain.messages()]
        assert recording.damage == ""


@pytest.mark.parametrize("kind", ["mcap", "sqlite3", "ros1"])
def test_an_error_in_a_compressed_file_names_that_file(record, tmp_path, kind) -> None:
    suffix = {"mcap": ".mcap", "sqlite3": ".db3", "ros1": ".bag"}[kind]
    pack = zstandard.ZstdCompressor().compress
    bad = tmp_path / f"bad{suffix}.zstd"
    bad.write_bytes(pack(b"nothing of that kind" * 100))
    with pytest.raises(BagError) as caught:
        Recording(bad)
    assert str(caught.value).startswith(f"{bad} is not a")
    assert str(caught.value).count("/tmp/") == str(bad).count("/tmp/")
    bad.write_bytes(pack(bytes(range(256)) * 100)[:20])
    with pytest.raises(BagError, match=rf"^bad{suffix}\.zstd breaks off: .* missing; nothing before"):
        Recording(bad)


def test_the_last_row_before_the_damage_of_a_database_is_read(record, tmp_path) -> None:
    """Whatever topics are asked for: sqlite3 of Python looks one row ahead."""
    data = (record("sqlite3", frames=100) / "recording.db3").read_bytes()
    (tmp_path / "cut.db3").write_bytes(data[: len(data) * 2 // 5])
    with Recording(tmp_path / "cut.db3") as recording:
        together = Counter(m.topic.name for m in recording.messages())
        apart = {t.name: sum(1 for _ in recording.messages([t.name])) for t in recording.topics}
    assert apart == together
    assert min(apart["/rig/left/image_rect"], apart["/rig/right/camera_info"]) > 5


def test_a_recording_that_breaks_off_before_its_first_topic_is_not_called_empty(record, tmp_path) -> None:
    source = next(record("mcap").glob("*.mcap"))
    (tmp_path / "cut.mcap").write_bytes(source.read_bytes()[:200])
    with pytest.raises(BagError, match=r"^cut\.mcap breaks off: .*; no topic and no message before"):
        Recording(tmp_path / "cut.mcap")


def test_sqlite_of_humble_has_no_definitions(record, tmp_path) -> None:
    path = record("sqlite3") / "recording.db3"
    database = sqlite3.connect(path)
    database.executescript(
        "DROP TABLE message_definitions; DROP TABLE schema; DROP TABLE metadata;"
        "ALTER TABLE topics DROP COLUMN type_description_hash"
    )
    database.close()
    with Recording(path) as recording:
        image = next(topic for topic in recording.topics if topic.name == "/rig/left/image_rect")
    assert image.schema.encoding == "ros2msg"
    assert b"MSG: std_msgs/Header" in image.schema.data
    assert len(list(read_messages(path, ["/rig/left/image_rect"]))) == 5


@pytest.mark.parametrize("kind", ["mcap", "sqlite3"])
def test_folder_of_a_killed_recorder_has_no_metadata(record, kind) -> None:
    folder = record(kind)
    (folder / "metadata.yaml").unlink()
    with Recording(folder) as recording:
        assert len(list(recording.messages())) == 21


def test_files_of_a_folder_follow_each_other_by_number(record, tmp_path) -> None:
    folder = tmp_path / "split"
    folder.mkdir()
    for number, frames in ((2, 3), (10, 4)):
        part = record("mcap", frames=frames, name=f"part{number}") / f"part{number}.mcap"
        shutil.copy(part, folder / f"split_{number}.mcap")
    with Recording(folder) as recording:
        times = [m.log_time for m in recording.messages(["/rig/left/image_rect"])]
        counts = {topic.name: topic.count for topic in recording.topics}
    assert len(times) == 7
    assert times[:3] == times[3:6]
    assert counts["/rig/left/image_rect"] == 7


def test_missing_file_of_a_folder_is_damage(record) -> None:
    folder = record("mcap")
    text = (folder / "metadata.yaml").read_text()
    (folder / "metadata.yaml").write_text(text.replace("- recording.mcap", "- recording.mcap\n  - gone.mcap"))
    with Recording(folder) as recording:
        assert len(list(recording.messages())) == 21
        assert recording.damage == "missing: gone.mcap"


def test_metadata_that_is_no_yaml_is_done_without(record) -> None:
    folder = record("mcap")
    (folder / "metadata.yaml").write_text("{broken")
    with Recording(folder) as recording:
        assert len(list(recording.messages())) == 21
        assert "metadata.yaml cannot be read" in recording.notices[0]


def _text(path: Path) -> None:
    path.write_text("this is no recording, just a line of text that is long enough")


@pytest.mark.parametrize(
    ("name", "make", "message"),
    [
        ("gone.mcap", lambda path: None, "no such file or folder"),
        ("folder", lambda path: path.mkdir(), "no recording at"),
        ("a.mcap", _text, "not an MCAP file"),
        ("empty.mcap", lambda path: path.touch(), "is empty"),
        ("a.db3", _text, "not a readable sqlite3 recording"),
        ("empty.db3", lambda path: path.touch(), "is empty"),
        ("a.bag", _text, "not a readable ROS 1 bag"),
        ("a.avi", _text, "not a recording by its name"),
    ],
)
def test_what_is_no_recording_is_refused(tmp_path, name, make, message) -> None:
    make(tmp_path / name)
    with pytest.raises(BagError, match=message):
        Recording(tmp_path / name)


def test_truncated_ros1_bag_is_refused_with_advice(record, tmp_path) -> None:
    data = record("ros1").read_bytes()
    cut = tmp_path / "cut.bag"
    cut.write_bytes(data[: len(data) // 2])
    with pytest.raises(BagError, match="rosbag reindex"):
        Recording(cut)


VIEW = (
    "WITH RECURSIVE n(id) AS (SELECT 1 UNION ALL SELECT id + 1 FROM n)"
    " SELECT id, 1 AS topic_id, id AS timestamp, zeroblob(1000000) AS data FROM n"
)


@pytest.mark.parametrize(
    ("statement", "words"),
    [
        (f"DROP TABLE messages; CREATE VIEW messages AS {VIEW}", "messages is a view that computes"),
        ("ALTER TABLE topics RENAME TO t; CREATE VIEW topics AS SELECT * FROM t", "topics is a view"),
        ("ALTER TABLE messages ADD COLUMN x GENERATED ALWAYS AS (zeroblob(900000000))", "computed columns"),
        ("UPDATE messages SET timestamp = 'noon'", "its times are no whole numbers"),
        ("UPDATE topics SET name = x'ff00'", "no number and name"),
        ("UPDATE topics SET type = x'00'", "no number and name"),
        ("DROP TABLE messages", "no such table: messages"),
    ],
)
def test_a_database_that_is_no_plain_one_is_refused(record, statement: str, words: str) -> None:
    path = next(record("sqlite3").glob("*.db3"))
    with sqlite3.connect(path) as database:
        database.execute("PRAGMA foreign_keys = OFF").connection.executescript(statement)
    with pytest.raises(BagError, match=f"is not a readable sqlite3 recording: .*{words}"):
        Recording(path)


@pytest.mark.parametrize("value", ["5", "'text'"])
def test_messages_up_to_one_that_is_none_are_read(record, value: str) -> None:
    path = next(record("sqlite3").glob("*.db3"))
    with sqlite3.connect(path) as database:
        database.execute(f"UPDATE messages SET data = {value} WHERE id = 8")
    with Recording(path) as recording:
        assert len(list(recording.messages())) == 7
        assert "is damaged: a message is no bytes with a time" in recording.damage


@pytest.mark.parametrize("kind", ["bz2", "lz4"])
def test_a_damaged_chunk_of_ros1_ends_the_recording(record, kind: str) -> None:
    whole = record("ros1", frames=60, compression=kind)
    data = bytearray(whole.read_bytes())
    second = data.find(b"compression=" + kind.encode(), data.find(b"compression=" + kind.encode()) + 1)
    assert second > 0
    data[second + 200 : second + 400] = bytes(200)
    whole.write_bytes(bytes(data))
    with Recording(whole) as recording:
        assert 10 < len(list(recording.messages())) < 241
        assert "is damaged" in recording.damage


def test_a_chunk_that_grows_to_gigabytes_is_damage(tmp_path) -> None:
    packer = zstandard.ZstdCompressor().compressobj()
    block = b"".join(packer.compress(bytes(1 << 24)) for _ in range(40)) + packer.flush()
    chunk = struct.pack("<QQQI", 0, 1, 1000, 0) + struct.pack("<I", 4) + b"zstd"
    chunk += struct.pack("<Q", len(block)) + block
    path = tmp_path / "bomb.mcap"
    path.write_bytes(b"\x89MCAP0\r\n\x06" + struct.pack("<Q", len(chunk)) + chunk)
    with pytest.raises(
        BagError, match="grows to more than 512,000,000 bytes; no topic and no message before"
    ):
        Recording(path)


def test_names_are_shown_and_not_obeyed(tmp_path, capsys) -> None:
    path = tmp_path / "a.mcap"
    with path.open("wb") as stream:
        writer = McapWriter(stream)
        writer.start("ros2")
        schema = writer.register_schema("a/msg/A", "ros2msg", b"uint8 a")
        writer.add_message(writer.register_channel("/\x1b[2Jcleared", "cdr", schema), 1, bytes(8), 1)
        writer.finish()
    main(["bag", str(path), "--list"])
    said = capsys.readouterr()
    assert "/\\x1b[2Jcleared" in said.out
    assert "\x1b" not in said.out + said.err
