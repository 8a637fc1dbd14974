# SPDX-License-Identifier: Apache-2.0
import re

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from foundation_stereo_ros.errors import BagError
from foundation_stereo_ros.ros.messages.cdr import CAMERA_INFO, COMPRESSED_IMAGE, IMAGE, Schema
from foundation_stereo_ros.ros.messages.stereo_topics import StereoTopics, find_stereo, image_pairs, info_of
from foundation_stereo_ros.ros.messages.topics import Topic


def topics(*names: str, count: int | None = 3) -> list[Topic]:
    """Topics with the type that their name suggests."""

    def kind(name: str) -> str:
        if "camera_info" in name:
            return CAMERA_INFO
        return COMPRESSED_IMAGE if name.endswith(("/compressed", "/compressedDepth")) else IMAGE

    return [Topic(name, Schema(kind(name)), count=count) for name in names]


def rig(prefix: str, *images: str, left: str = "left", right: str = "right") -> list[Topic]:
    """Both cameras' images and calibrations."""
    names = [f"{prefix}/{side}/{name}" for side in (left, right) for name in (*images, "camera_info")]
    return topics(*names)


def refused(found: list[Topic], **named: str) -> BagError:
    with pytest.raises(BagError) as error:
        find_stereo(found, **named)
    return error.value


@pytest.mark.parametrize(
    ("found", "left"),
    [
        (rig("", "image_raw"), "/left/image_raw"),
        (rig("/rig", "image_raw", "image_rect_color", "image_rect"), "/rig/left/image_rect"),
        (rig("/rig", "image_raw", "image_rect_color"), "/rig/left/image_rect_color"),
        (rig("/rig", "image_raw", "image_raw/compressed"), "/rig/left/image_raw"),
        (rig("/rig", "image_rect/compressed", "image_raw"), "/rig/left/image_rect/compressed"),
        (
            rig("/camera/camera", "image_rect_raw", left="infra1", right="infra2"),
            "/camera/camera/infra1/image_rect_raw",
        ),
        (rig("/zed/zed_node", "image_rect_color", "image_rect_gray"), "/zed/zed_node/left/image_rect_color"),
        (rig("/zed/zed_node", "color/rect/image", "color/raw/image"), None),
        (rig("/oak", "image_raw", "depth/image_raw"), "/oak/left/image_raw"),
    ],
)
def test_names_of_known_drivers(found, left) -> None:
    if left is None:
        # The calibration is not where image_transport would look, which the message says.
        assert refused(found).remedies == [{"left_info": "TOPIC"}]
        return
    chosen = find_stereo(found)
    assert chosen.left == left
    assert chosen.right == left.replace("left", "right").replace("infra1", "infra2")
    assert chosen.left_info.endswith(("left/camera_info", "infra1/camera_info"))
    assert chosen.right_info.endswith(("right/camera_info", "infra2/camera_info"))


def test_calibration_of_each_image_of_zed() -> None:
    names = [f"/zed/{side}/color/rect/image" for side in ("left", "right")]
    infos = [f"{name}/camera_info" for name in names]
    assert find_stereo(topics(*names, *infos)) == StereoTopics(*names, *infos)


def test_calibration_of_a_compressed_image_is_beside_the_image_itself() -> None:
    found = topics("/left/image_raw/compressed", "/left/camera_info", "/left/image_raw/camera_info")
    assert info_of(found, "/left/image_raw/compressed") == "/left/camera_info"


def test_rectified_calibration_belongs_to_rectified_images() -> None:
    found = topics("/left/camera_info", "/left/camera_info_rect")
    assert info_of(found, "/left/image_rect") == "/left/camera_info_rect"
    assert info_of(found, "/left/image_raw") == "/left/camera_info"


def test_several_rigs_are_listed() -> None:
    error = refused(rig("/front", "image_rect") + rig("/back", "image_raw"))
    assert error.remedies == [
        {"left": "/back/left/image_raw", "right": "/back/right/image_raw"},
        {"left": "/front/left/image_rect", "right": "/front/right/image_rect"},
    ]


def test_one_of_several_rigs_by_its_left_image_alone() -> None:
    chosen = find_stereo(rig("/front", "image_raw") + rig("/back", "image_raw"), left="back/left/image_raw")
    assert chosen.right == "/back/right/image_raw"
    assert chosen.left_info == "/back/left/camera_info"


def test_left_by_its_right_image() -> None:
    chosen = find_stereo(rig("/a", "image_raw") + rig("/b", "image_raw"), right="/b/right/image_raw")
    assert chosen.left == "/b/left/image_raw"


def test_names_that_say_nothing_need_all_options() -> None:
    found = topics("/cam0/image_raw", "/cam1/image_raw", "/cam0/camera_info", "/cam1/camera_info")
    error = refused(found)
    assert re.search(r"(?s)no stereo pair.*/cam0/image_raw +sensor_msgs/msg/Image +3", str(error))
    assert error.remedies == [{"left": "TOPIC", "right": "TOPIC"}]
    assert refused(found, left="/cam0/image_raw").remedies == [{"right": "TOPIC"}]
    assert refused(found, right="/cam1/image_raw").remedies == [{"left": "TOPIC"}]
    chosen = find_stereo(found, left="/cam0/image_raw", right="/cam1/image_raw")
    assert (chosen.left_info, chosen.right_info) == ("/cam0/camera_info", "/cam1/camera_info")
    assert chosen.namespace == "/stereo"


def test_missing_calibration_names_the_option() -> None:
    found = topics("/left/image_raw", "/right/image_raw", "/left/camera_info", "/other/camera_info")
    error = refused(found)
    assert re.search(r"beside /right/image_raw; .*/other/camera_info", str(error))
    assert error.remedies == [{"right_info": "TOPIC"}]
    assert find_stereo(found, right_info="/other/camera_info").right_info == "/other/camera_info"


def test_named_topic_must_exist_and_be_an_image() -> None:
    found = rig("/a", "image_raw")
    with pytest.raises(BagError, match="no topic /b/left"):
        find_stereo(found, left="/b/left")
    with pytest.raises(BagError, match=r"is a sensor_msgs/msg/CameraInfo; expected sensor_msgs/msg/Image"):
        find_stereo(found, left="/a/left/camera_info")


def test_topics_without_messages_do_not_count() -> None:
    silent = topics("/a/left/image_rect", "/a/right/image_rect", count=0)
    assert find_stereo(silent + rig("/a", "image_raw")).left == "/a/left/image_raw"


def test_depth_images_are_no_pair() -> None:
    names = ["/left/depth", "/right/depth", "/left/image/compressedDepth", "/right/image/compressedDepth"]
    assert image_pairs(topics(*names)) == []


@pytest.mark.parametrize(
    ("left", "namespace"),
    [
        ("/ns/left/image_rect", "/ns"),
        ("/left/image_rect", ""),
        ("/a/b/infra1/image_rect_raw", "/a/b"),
        ("/rig/left_camera/image_raw", "/rig"),
        ("/rig/image_left", "/rig"),
        ("/cam0/image_raw", "/stereo"),
        ("/leftover/image", "/stereo"),
    ],
)
def test_namespace_of_the_outputs(left, namespace) -> None:
    assert StereoTopics(left, "", "", "").namespace == namespace


WORD = st.text("abcxyz019", min_size=1, max_size=6).filter(lambda word: word not in ("left", "right"))


@settings(deadline=None, max_examples=50)
@given(
    st.lists(WORD, max_size=3),
    st.sampled_from(
        [("left", "right"), ("infra1", "infra2"), ("left_camera", "right_camera"), ("Left", "Right")]
    ),
    st.sampled_from(["image_rect", "image_raw", "image_rect_color", "image_raw/compressed"]),
    st.randoms(use_true_random=False),
)
def test_any_namespace_and_order(words, sides, image, random) -> None:
    prefix = "".join(f"/{word}" for word in words)
    found = rig(prefix, image, left=sides[0], right=sides[1])
    random.shuffle(found)
    chosen = find_stereo(found)
    assert chosen.left == f"{prefix}/{sides[0]}/{image}"
    assert chosen.right == f"{prefix}/{sides[1]}/{image}"
    assert chosen.namespace == prefix
