# SPDX-License-Identifier: Apache-2.0
import numpy as np
import pytest

from foundation_stereo_ros.errors import BagError
from foundation_stereo_ros.ros.bags.storage import RecordedMessage, decode
from foundation_stereo_ros.ros.messages.cdr import (
    IMAGE,
    Schema,
    message_types,
    schema_of,
    serialize,
    type_hash,
    typestore,
)
from foundation_stereo_ros.ros.messages.topics import Topic

TEXT = "std_msgs/msg/String"
RULE = "=" * 80 + "\n"


def recorded(data: bytes, schema: Schema) -> RecordedMessage:
    return RecordedMessage(Topic("/a", schema), 1, 1, 0, data)


def image(encoding: str = "mono8"):
    types = message_types()
    header = types.Header(stamp=types.Time(sec=1, nanosec=2), frame_id="left")
    data = types.buffer(np.arange(6, dtype=np.uint8))
    return types.Image(header=header, height=2, width=3, encoding=encoding, is_bigendian=0, step=3, data=data)


@pytest.mark.parametrize("schema", [schema_of(IMAGE), Schema(IMAGE), Schema(IMAGE, "ros2msg", b"{broken")])
def test_image_comes_back_with_any_definition(schema) -> None:
    found = decode(recorded(serialize(image(), IMAGE), schema))
    assert (found.header.stamp.sec, found.header.stamp.nanosec, found.header.frame_id) == (1, 2, "left")
    assert (found.height, found.width, found.step, found.encoding) == (2, 3, 3, "mono8")
    np.testing.assert_array_equal(found.data, np.arange(6))


def test_definition_of_the_recording_counts() -> None:
    definition = Schema("my_robot/msg/Wheels", "ros2msg", b"uint16 left\nuint16 right\n")
    found = decode(recorded(b"\x00\x01\x00\x00\x05\x00\x07\x00", definition))
    assert (found.left, found.right) == (5, 7)


def test_idl_definition() -> None:
    idl = f"{RULE}IDL: my/msg/Word\nmodule my {{ module msg {{ struct Word {{ string text; }}; }}; }};\n"
    data = serialize(typestore().types[TEXT](data="hello"), TEXT)
    assert decode(recorded(data, Schema("my/msg/Word", "ros2idl", idl.encode()))).text == "hello"


def test_big_endian_message() -> None:
    data = bytes(typestore().serialize_cdr(image(), IMAGE, little_endian=False))
    assert decode(recorded(data, schema_of(IMAGE))).width == 3


@pytest.mark.parametrize("cut", [0, 3, 10, 50])
def test_damaged_message_names_its_topic(cut) -> None:
    with pytest.raises(BagError, match=r"a damaged sensor_msgs/msg/Image on /a"):
        decode(recorded(serialize(image(), IMAGE)[:cut], schema_of(IMAGE)))


def test_unknown_type() -> None:
    with pytest.raises(BagError, match="no_such/msg/Type"):
        decode(recorded(b"\x00\x01\x00\x00", Schema("no_such/msg/Type")))
    assert schema_of("no_such/msg/Type") == Schema("no_such/msg/Type", "", b"")
    assert type_hash("no_such/msg/Type") == ""


def test_hash_is_the_one_of_ros() -> None:
    # As `ros2 topic info --verbose` prints it in Jazzy.
    assert type_hash(IMAGE) == "RIHS01_d31d41a9a4c4bc8eae9be757b0beed306564f7526c88ea6a4588fb9582527d47"


def test_our_types_are_the_same_in_all_distributions() -> None:
    for name in ("Image", "CameraInfo", "CompressedImage", "PointCloud2"):
        hashes = {
            typestore(distribution).hash_rihs01(f"sensor_msgs/msg/{name}")
            for distribution in ("humble", "iron", "jazzy", "kilted", "lyrical")
        }
        assert len(hashes) == 1
    assert typestore("no such distribution").types.keys() == typestore("humble").types.keys()
