# SPDX-License-Identifier: Apache-2.0
import subprocess
import sys
from pathlib import Path

import pytest
import yaml
from mcap.reader import make_reader
from rosbags.highlevel import AnyReader
from rosbags.interfaces import QosDurability
from rosbags.typesys import Stores, get_typestore

from foundation_stereo_ros.errors import BagError
from foundation_stereo_ros.ros.bags import qos
from foundation_stereo_ros.ros.bags.reader import Recording, read_messages
from foundation_stereo_ros.ros.bags.writer import BagWriter
from foundation_stereo_ros.ros.messages.cdr import CAMERA_INFO, DISPARITY_IMAGE, schema_of

TYPES = get_typestore(Stores.ROS2_HUMBLE).types
TEXT = "std_msgs/msg/String"


def text(data: str):
    return TYPES[TEXT](data=data)


@pytest.mark.parametrize("kind", ["mcap", "sqlite3", "ros1"])
def test_copy_is_the_same_byte_for_byte_in_every_reader(record, expected, tmp_path, kind) -> None:
    out = tmp_path / "out.mcap"
    with Recording(record(kind)) as recording, BagWriter(out) as writer:
        for message in recording.messages():
            writer.copy(message)
    written = sorted((topic, msgtype, time, data) for topic, msgtype, time, data, _ in expected())
    with AnyReader([out]) as reader:
        by_rosbags = [(c.topic, c.msgtype, time, bytes(data)) for c, time, data in reader.messages()]
        durable = {c.topic: c.ext.offered_qos_profiles for c in reader.connections}
    with out.open("rb") as stream:
        reader = make_reader(stream, validate_crcs=True)
        by_mcap = [(c.topic, s.name, m.log_time, m.data) for s, c, m in reader.iter_messages()]
        header, summary = reader.get_header(), reader.get_summary()
        (note,) = reader.iter_metadata()
    assert sorted(by_rosbags) == written
    assert sorted(by_mcap) == written
    assert durable["/tf_static"][0].durability is QosDurability.TRANSIENT_LOCAL
    assert header.profile == "ros2"
    assert {schema.encoding for schema in summary.schemas.values()} == {"ros2msg"}
    assert {channel.message_encoding for channel in summary.channels.values()} == {"cdr"}
    assert note.name == "rosbag2"


def test_quality_of_service_fits_the_version_that_the_file_declares(record, tmp_path) -> None:
    out = tmp_path / "out.mcap"
    # rosbags notes version 9 here: policies by name.
    with Recording(record("mcap")) as recording, BagWriter(out) as writer:
        for message in recording.messages():
            writer.copy(message)
    with out.open("rb") as stream:
        reader = make_reader(stream)
        (note,) = reader.iter_metadata()
        channels = {channel.topic: channel.metadata for channel in reader.get_summary().channels.values()}
    assert yaml.safe_load(note.metadata["serialized_metadata"])["version"] == 8
    (profile,) = yaml.safe_load(channels["/tf_static"][qos.KEY])
    assert (profile["durability"], profile["reliability"]) == (1, 1)


def test_definition_holds_all_it_depends_on() -> None:
    definition = schema_of(DISPARITY_IMAGE).data.decode()
    for name in (
        "std_msgs/Header",
        "sensor_msgs/Image",
        "sensor_msgs/RegionOfInterest",
        "builtin_interfaces/Time",
    ):
        assert f"MSG: {name}\n" in definition


def test_written_messages_are_read_back(tmp_path) -> None:
    out = tmp_path / "new" / "folder" / "out.mcap"
    with BagWriter(out) as writer:
        for number in range(3):
            writer.write("/a", TEXT, text(f"a{number}"), number + 1)
        writer.write("/b", TEXT, text("b"), 2, offered=qos.offered_profile(latched=True))
        assert writer.count == 4
    assert [(m.topic, m.message.data, m.log_time) for m in read_messages(out)] == [
        ("/a", "a0", 1),
        ("/a", "a1", 2),
        ("/b", "b", 2),
        ("/a", "a2", 3),
    ]
    with Recording(out) as recording:
        latched = {t.name: qos.is_latched(t.metadata[qos.KEY]) for t in recording.topics}
        assert latched == {"/a": False, "/b": True}
        assert [m.sequence for m in recording.messages(["/a"])] == [0, 1, 2]


def test_existing_output_is_replaced_only_with_force_and_only_when_done(tmp_path) -> None:
    out = tmp_path / "out.mcap"
    out.write_bytes(b"precious")
    with pytest.raises(BagError, match="exists already"):
        BagWriter(out)
    writer = BagWriter(out, force=True)
    writer.write("/a", TEXT, text("x"), 1)
    assert out.read_bytes() == b"precious"
    writer.close()
    assert len(list(read_messages(out))) == 1
    assert list(tmp_path.iterdir()) == [out]


def test_two_writers_do_not_share_a_file(tmp_path) -> None:
    out = tmp_path / "out.mcap"
    with BagWriter(out) as writer:
        writer.write("/a", TEXT, text("x"), 1)
        for taken in (out, tmp_path / "out.partial.mcap", tmp_path / "." / "out.mcap"):
            with pytest.raises(BagError, match="another job is writing"):
                BagWriter(taken, force=True)
        with BagWriter(tmp_path / "other.mcap"):
            pass
    assert len(list(read_messages(out))) == 1
    assert sorted(path.name for path in tmp_path.iterdir()) == ["other.mcap", "out.mcap"]


def test_failure_inside_still_leaves_a_whole_file(tmp_path) -> None:
    out = tmp_path / "out.mcap"
    with pytest.raises(ZeroDivisionError), BagWriter(out) as writer:
        writer.write("/a", TEXT, text("x"), 1)
        raise ZeroDivisionError
    with Recording(out) as recording:
        assert len(list(recording.messages())) == 1
        assert recording.damage == ""


def test_discarded_file_is_gone(tmp_path) -> None:
    writer = BagWriter(tmp_path / "out.mcap")
    writer.write("/a", TEXT, text("x"), 1)
    writer.discard()
    writer.close()
    assert list(tmp_path.iterdir()) == []


def test_what_was_flushed_survives_a_kill(tmp_path) -> None:
    out = tmp_path / "out.mcap"
    code = (
        "import os, sys\n"
        "from foundation_stereo_ros.ros.messages.cdr import typestore\n"
        "from foundation_stereo_ros.ros.bags.writer import BagWriter\n"
        "writer = BagWriter(sys.argv[1])\n"
        "text = typestore().types['std_msgs/msg/String']\n"
        "for number in range(5):\n"
        "    writer.write('/a', 'std_msgs/msg/String', text(data=str(number)), number + 1)\n"
        "writer.flush()\n"
        "writer.write('/a', 'std_msgs/msg/String', text(data='lost'), 9)\n"
        "os.kill(os.getpid(), 9)\n"
    )
    root = Path(__file__).parents[3]
    done = subprocess.run([sys.executable, "-c", code, str(out)], cwd=root, check=False)
    assert done.returncode == -9
    partial = tmp_path / "out.partial.mcap"
    assert not out.exists()
    with Recording(partial) as recording:
        assert [m.log_time for m in recording.messages()] == [1, 2, 3, 4, 5]
        assert recording.damage
    with pytest.raises(BagError, match="was killed"):
        BagWriter(out)
    BagWriter(out, force=True).close()


def test_bad_places_names_and_messages(tmp_path) -> None:
    with pytest.raises(BagError, match=r"ends in \.mcap"):
        BagWriter(tmp_path / "out.db3")
    (tmp_path / "file").touch()
    with pytest.raises(BagError, match="cannot write"):
        BagWriter(tmp_path / "file" / "out.mcap")
    with BagWriter(tmp_path / "out.mcap") as writer:
        with pytest.raises(BagError, match="no definition"):
            writer.write("/a", "no_such/msg/Type", text("x"), 1)
        with pytest.raises(BagError, match="cannot write this message as sensor_msgs/msg/CameraInfo"):
            writer.write("/a", CAMERA_INFO, text("x"), 1)
