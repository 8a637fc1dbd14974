# SPDX-License-Identifier: Apache-2.0
"""``foundation_stereo video`` on recordings of a generated clip."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from open3d_here import load_open3d
from posed_recordings import (
    BODY,
    CAMERA,
    MOUNT,
    ODOMETRY,
    POSE,
    SECOND,
    START,
    STEP,
    TF,
    Written,
    body_poses,
    image_stamps,
    images,
    moving_tf,
    odometry,
    pose_stamped,
    pose_stamps,
    static_tf,
    tf,
    transform,
    write_recording,
    xyz_q,
)
from posed_scenes import small_clip, small_network, write_deepvideomvs
from rosbags.convert import convert
from rosbags.rosbag1 import Reader as Ros1Reader
from rosbags.rosbag1 import Writer as Ros1Writer
from rosbags.typesys import Stores, get_types_from_msg, get_typestore

from foundation_stereo_ros.cli.main import main
from foundation_stereo_ros.ros.bags.reader import Recording, read_messages
from foundation_stereo_ros.ros.bags.storage import decode
from foundation_stereo_ros.ros.messages.cdr import IMAGE
from foundation_stereo_ros.ros.messages.depth import decode_depth
from foundation_stereo_ros.ros.messages.point_cloud import decode_points
from foundation_stereo_ros.ros.messages.stamps import stamp_ns
from foundation_stereo_ros.ros.messages.video_pipeline import VideoPipeline
from foundation_stereo_ros.weights import save_checkpoint

CLIP = small_clip()
STAMPS = image_stamps(CLIP)
WITH_TF = [static_tf(), *images(CLIP), *moving_tf(CLIP, pose_stamps(CLIP))]
Shown = pytest.CaptureFixture[str]

OUTPUTS = ("depth/image_rect", "depth/camera_info", "points2", "confidence")


@pytest.fixture(scope="module")
def weights(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("weights") / "small.safetensors"
    save_checkpoint(path, small_network())
    return path


@pytest.fixture(scope="module")
def expected(weights: Path, tmp_path_factory: pytest.TempPathFactory) -> dict[int, np.ndarray]:
    """Stamp -> depth that the folder of the same clip gives."""
    folder = tmp_path_factory.mktemp("folder")
    write_deepvideomvs(folder / "in", CLIP)
    assert run(folder / "in", folder / "out", weights) == 0
    return {STAMPS[int(path.stem)]: np.load(path)["depth"] for path in (folder / "out").glob("*.npz")}


def run(source: Path, output: Path, weights: Path, *more: str) -> int:
    words = ["video", str(source), "-o", str(output), "--checkpoint", str(weights), "--size", "64x96"]
    return main([*words, "--device", "cpu", *more])


def depths(folder: Path) -> dict[int, np.ndarray]:
    return {int(path.stem): np.load(path)["depth"] for path in folder.glob("*.npz")}


def assert_alike(found: dict[int, np.ndarray], expected: dict[int, np.ndarray]) -> None:
    assert sorted(found) == sorted(expected)
    for stamp, depth in expected.items():
        both = np.isfinite(depth) & np.isfinite(found[stamp])
        assert both.mean() > 0.99 * np.isfinite(depth).mean() > 0.1
        np.testing.assert_allclose(found[stamp][both], depth[both], rtol=1e-3)


@pytest.mark.parametrize("kind", ["mcap", "sqlite3", "ros1"])
def test_a_recording_gives_what_the_folder_of_the_same_clip_gives(
    tmp_path: Path, weights: Path, expected, capsys: Shown, kind: str
) -> None:
    given = source = write_recording(tmp_path / "in.mcap", WITH_TF)
    if kind != "mcap":
        given = tmp_path / ("in.bag" if kind == "ros1" else "in")
        convert([source], given, "sqlite3", 8, None, "", None, None, (), (), (), ())
    assert run(given, tmp_path / "out", weights) == 0
    assert_alike(depths(tmp_path / "out"), expected)
    shown = capsys.readouterr()
    assert "5 depth maps from 6 images" in shown.out
    assert f"poses of '{CAMERA}' in 'odom' are taken from /tf and /tf_static" in shown.err
    assert "warning" not in shown.err


def test_the_output_is_the_recording_with_depth_and_points(tmp_path: Path, weights: Path, expected) -> None:
    source, out = write_recording(tmp_path / "in.mcap", WITH_TF), tmp_path / "out.mcap"
    assert run(source, out, weights, "--export", "ply") == 0
    with Recording(source) as before, Recording(out) as after:
        recorded = [(m.topic.name, m.log_time, m.data) for m in before.messages()]
        names = {topic.name for topic in before.topics}
        assert [(m.topic.name, m.log_time, m.data) for m in after.messages(names)] == recorded
        made = {topic.name: topic.count for topic in after.topics if topic.name not in names}
        assert made == dict.fromkeys((f"/cam/{name}" for name in OUTPUTS), 5)
        messages = {name: [decode(m) for m in after.messages([name])] for name in made}
    found = {stamp_ns(m.header): decode_depth(m) for m in messages["/cam/depth/image_rect"]}
    assert_alike(found, expected)
    assert {m.header.frame_id for m in messages["/cam/points2"]} == {CAMERA}
    info = messages["/cam/depth/camera_info"][0]
    assert info.k[0] == pytest.approx(CLIP.camera.fx)
    points, _ = decode_points(messages["/cam/points2"][0])
    np.testing.assert_array_equal(points[..., 2], decode_depth(messages["/cam/depth/image_rect"][0]))
    assert len(list((tmp_path / "out_frames").glob("*_cloud.ply"))) == 5
    assert run(source, out, weights) == 1  # it is there already


def test_poses_at_other_times_than_images_are_interpolated(tmp_path: Path, weights: Path, expected) -> None:
    stamps = pose_stamps(CLIP, rate_hz=33.3, phase_ns=-7_000_000)
    inside = [t for t in stamps if t >= STAMPS[0]]
    write_recording(tmp_path / "in.mcap", [static_tf(), *images(CLIP), *moving_tf(CLIP, inside)])
    assert run(tmp_path / "in.mcap", tmp_path / "out", weights) == 0
    # The first image is before the first pose, and the way has a bend at each image.
    found = depths(tmp_path / "out")
    assert sorted(found) == STAMPS[2:-1]
    for stamp in found:
        ratio = found[stamp] / expected[stamp]
        assert np.nanmedian(np.abs(ratio - 1)) < 0.05


@pytest.mark.parametrize(
    ("name", "msgtype", "make", "flags"),
    [
        ("/odom", ODOMETRY, lambda t, pose: odometry(t, "odom", BODY, pose), ()),
        ("/odom", ODOMETRY, lambda t, pose: odometry(t, "odom", BODY, pose), ("mount",)),
        ("/pose", POSE, lambda t, pose: pose_stamped(t, "map", pose), ("--body-frame", BODY)),
        ("/pose", POSE, lambda t, pose: pose_stamped(t, "map", pose), ("mount",)),
    ],
)
def test_poses_of_a_body(
    tmp_path: Path, weights: Path, expected, capsys: Shown, name: str, msgtype: str, make, flags
) -> None:
    mounted = flags == ("mount",)
    told = body_poses(CLIP, pose_stamps(CLIP), make, name, msgtype)
    elsewhere = Written(START, "/tf", TF, tf(transform(START, "map", "odom", MOUNT)))
    static = [elsewhere] if mounted else [static_tf()]
    write_recording(tmp_path / "in.mcap", [*static, *images(CLIP), *told])
    more = ["--camera-in-body", *(str(x) for x in xyz_q(MOUNT))] if mounted else flags
    assert run(tmp_path / "in.mcap", tmp_path / "out", weights, *more) == 0
    assert_alike(depths(tmp_path / "out"), expected)
    assert f"are taken from {name}" in capsys.readouterr().err


def test_of_several_sources_one_is_taken_and_the_user_can_name_another(
    tmp_path: Path, weights: Path, expected, capsys: Shown
) -> None:
    told = body_poses(
        CLIP, pose_stamps(CLIP), lambda t, pose: odometry(t, "odom", BODY, pose), "/vio/odometry", ODOMETRY
    )
    wrong = images(CLIP, "other_optical", "/other/image_raw")
    write_recording(tmp_path / "in.mcap", [*WITH_TF, *told, *wrong])
    assert run(tmp_path / "in.mcap", tmp_path / "one", weights) == 0
    said = capsys.readouterr().err
    assert "images of /cam/image_rect are taken; there are also /other/image_raw" in said
    assert "are taken from /tf and /tf_static; there are also /vio/odometry" in said
    assert run(tmp_path / "in.mcap", tmp_path / "two", weights, "--pose-topic", "/vio/odometry") == 0
    assert f"poses of '{BODY}' are taken from /vio/odometry; there are also /tf" in capsys.readouterr().err
    for name in ("one", "two"):
        assert_alike(depths(tmp_path / name), expected)
    assert run(tmp_path / "in.mcap", tmp_path / "three", weights, "--image", "/other/image_raw") == 1
    assert f"no transforms lead from 'other_optical' to '{BODY}'" in capsys.readouterr().err


def test_poses_may_come_late_and_static_ones_at_the_end(tmp_path: Path, weights: Path, expected) -> None:
    late = moving_tf(CLIP, pose_stamps(CLIP), late_ns=SECOND)
    last = static_tf()._replace(log_time=STAMPS[-1] + 2 * SECOND)
    source = write_recording(tmp_path / "in.mcap", [last, *images(CLIP), *late])
    out = tmp_path / "out.mcap"
    assert run(source, out, weights) == 0
    found = {}
    for one in read_messages(out, ["/cam/depth/image_rect"]):
        stamp = stamp_ns(one.message.header)
        assert one.log_time == stamp + SECOND  # that of the pose, without which there was no depth
        found[stamp] = decode_depth(one.message)
    assert_alike(found, expected)


def test_a_frame_that_is_not_optical_is_found_out(
    tmp_path: Path, weights: Path, expected, capsys: Shown
) -> None:
    """Images that name camera_link, whose x points forward, as some drivers do."""
    clip = small_clip(6, 1, 120, 160)
    told = [static_tf(), *images(clip, "camera_link"), *moving_tf(clip, pose_stamps(clip))]
    source = write_recording(tmp_path / "in.mcap", told)
    assert run(source, tmp_path / "out", weights) == 0
    assert "those of a camera with x forward and z up (ros)" in capsys.readouterr().err
    assert run(source, tmp_path / "told", weights, "--pose-axes", "ros") == 0
    assert "the poses look" not in capsys.readouterr().err
    write_deepvideomvs(tmp_path / "folder", clip)
    assert run(tmp_path / "folder", tmp_path / "right", weights) == 0
    right = {image_stamps(clip)[n]: depth for n, depth in depths(tmp_path / "right").items()}
    assert_alike(depths(tmp_path / "told"), right)


def test_old_recordings_of_ros_1_have_transforms_of_another_type(
    tmp_path: Path, weights: Path, expected
) -> None:
    source, plain = write_recording(tmp_path / "in.mcap", WITH_TF), tmp_path / "plain.bag"
    convert([source], plain, "sqlite3", 8, None, "", None, None, (), (), (), ())
    store = get_typestore(Stores.ROS1_NOETIC)
    store.register(get_types_from_msg("geometry_msgs/TransformStamped[] transforms", "tf/msg/tfMessage"))
    with Ros1Reader(plain) as reader, Ros1Writer(tmp_path / "old.bag") as writer:
        made = {
            one.topic: writer.add_connection(
                one.topic, "tf/msg/tfMessage" if one.msgtype == TF else one.msgtype, typestore=store
            )
            for one in reader.connections
        }
        for connection, time, data in reader.messages():
            writer.write(made[connection.topic], time, data)
    assert run(tmp_path / "old.bag", tmp_path / "out", weights) == 0
    assert_alike(depths(tmp_path / "out"), expected)


def test_what_is_done_when_interrupted_is_kept(
    tmp_path: Path, weights: Path, capsys: Shown, monkeypatch: pytest.MonkeyPatch
) -> None:
    source, calls = write_recording(tmp_path / "in.mcap", WITH_TF), []
    process = VideoPipeline.process

    def interrupted(self: VideoPipeline, *message):
        calls.append(1)
        if len(calls) == 4:
            raise KeyboardInterrupt
        return process(self, *message)

    monkeypatch.setattr(VideoPipeline, "process", interrupted)
    assert run(source, tmp_path / "out.mcap", weights) == 130
    assert "out.mcap holds the frames done" in capsys.readouterr().err
    assert sum(1 for _ in read_messages(tmp_path / "out.mcap", ["/cam/depth/image_rect"])) == 2


def test_a_part_has_the_poses_around_it(tmp_path: Path, weights: Path) -> None:
    source = write_recording(tmp_path / "in.mcap", WITH_TF[:1] + [
        x for x in WITH_TF[1:] if x.topic != "/tf" or (x.log_time - START) % STEP
    ])  # fmt: skip
    # No pose has the stamp of an image: those of the first and the last one lie half outside of the part.
    part = ("--start", "0.5", "--duration", "1.00000001")
    assert run(source, tmp_path / "out", weights, *part) == 0
    assert sorted(depths(tmp_path / "out")) == STAMPS[2:4]


def test_in_a_gap_and_where_a_pose_is_none_there_is_no_depth(
    tmp_path: Path, weights: Path, capsys: Shown
) -> None:
    gap = [t for t in pose_stamps(CLIP) if not STAMPS[2] - SECOND // 5 < t < STAMPS[2] + SECOND // 5]
    moving = moving_tf(CLIP, gap)
    nothing = tf(transform(START + SECOND // 100, "odom", BODY, (0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0)))
    lost = tf(transform(START + SECOND // 50, "odom", BODY, (np.nan, 0.0, 0.0, 0.0, 0.0, 0.0, 1.0)))
    bad = [Written(START + SECOND // 100, "/tf", TF, m) for m in (nothing, lost)]
    source = write_recording(tmp_path / "in.mcap", [static_tf(), *images(CLIP), *moving, *bad])
    assert run(source, tmp_path / "out", weights) == 0
    assert sorted(depths(tmp_path / "out")) == [STAMPS[1], *STAMPS[3:]]
    shown = capsys.readouterr()
    assert (
        "1700000001.000: no pose: the poses of 'base_link' in 'odom' at 1700000000.800 and 1700000001.200 s "
        "are 0.400 s apart; expected at most 0.2 s"
    ) in shown.err
    assert "a pose is left out: at 1700000000.010 s of 'base_link' in 'odom': a pose is 0, 0, 0" in shown.err
    assert "images without a pose: 1 (1 in a gap)" in shown.out
    assert "poses left out: 2" in shown.out
    assert run(source, tmp_path / "bridged", weights, "--pose-gap", "0.5") == 0
    assert sorted(depths(tmp_path / "bridged")) == STAMPS[1:]


def test_where_time_goes_back_all_is_forgotten(tmp_path: Path, weights: Path, capsys: Shown) -> None:
    later = 100 * SECOND  # the second lap is recorded later, with the same stamps
    again = [m._replace(log_time=m.log_time + later) for m in WITH_TF]
    source = write_recording(tmp_path / "in.mcap", [*WITH_TF, *again])
    out = tmp_path / "out.mcap"
    assert run(source, out, weights) == 0
    stamps = [stamp_ns(m.message.header) for m in read_messages(out, ["/cam/depth/image_rect"])]
    assert stamps == STAMPS[1:] * 2
    shown = capsys.readouterr()
    assert "1700000000.000: time went back: earlier frames are forgotten" in shown.err
    assert "begun anew: 1 time" in shown.out
    assert "without a pose" not in shown.out


def test_a_pose_that_jumps_begins_anew(tmp_path: Path, weights: Path, capsys: Shown) -> None:
    moving = moving_tf(CLIP, pose_stamps(CLIP))
    for one in moving:
        if one.log_time >= STAMPS[3]:
            one.message.transforms[0].transform.translation.x += 2.0
    source = write_recording(tmp_path / "in.mcap", [static_tf(), *images(CLIP), *moving])
    assert run(source, tmp_path / "out", weights, "--fixed-frame", "map") == 0
    assert sorted(depths(tmp_path / "out")) == [STAMPS[1], STAMPS[2], STAMPS[4], STAMPS[5]]
    assert "the pose jumped by" in capsys.readouterr().err
    # What jumped is odom in map, as when a loop is closed: the poses in odom go on.
    assert run(source, tmp_path / "odom", weights) == 0
    assert sorted(depths(tmp_path / "odom")) == STAMPS[1:]
    assert "jumped" not in capsys.readouterr().err


def _moved(messages: list[Written], by_ns: int) -> list[Written]:
    """Return transforms with stamps of another clock."""
    for one in messages:
        for placed in one.message.transforms:
            placed.header.stamp.sec += by_ns // SECOND
    return messages


@pytest.mark.parametrize(
    ("messages", "flags", "sentence"),
    [
        (lambda: images(CLIP), (), "nothing tells where the camera is; expected tf2_msgs/msg/TFMessage or"),
        (
            lambda: [static_tf(), *images(CLIP), *_moved(moving_tf(CLIP, pose_stamps(CLIP)), 500 * SECOND)],
            (),
            "the images have stamps from 1700000000.000 to 1700000002.500 s, the poses from 1700000500.000 "
            "to 1700000502.500 s; expected stamps of one clock",
        ),
        (
            lambda: [static_tf(), *images(CLIP)],
            (),
            f"no transforms lead from '{CAMERA}' to any of 'odom', 'map', 'world': '{CAMERA}' is below "
            f"'{BODY}'",
        ),
        (
            lambda: WITH_TF,
            ("--fixed-frame", "earth"),
            f"no transforms lead from '{CAMERA}' to 'earth': '{CAMERA}' is below 'map', no transform names "
            "'earth' (--fixed-frame map)",
        ),
        (
            lambda: [static_tf(), *images(CLIP, ""), *moving_tf(CLIP, pose_stamps(CLIP))],
            (),
            "the images on /cam/image_rect have an empty frame_id; expected the camera's optical frame",
        ),
        (
            lambda: [
                *images(CLIP),
                *body_poses(CLIP, pose_stamps(CLIP), lambda t, p: pose_stamped(t, "map", p), "/pose", POSE),
            ],
            (),
            "/pose (geometry_msgs/msg/PoseStamped) does not say whose poses it has; expected the body's "
            "frame, or the camera's place on the body --body-frame FRAME --camera-in-body X Y Z QX QY QZ QW",
        ),
        (
            lambda: [
                *images(CLIP),
                *body_poses(
                    CLIP, pose_stamps(CLIP), lambda t, p: odometry(t, "odom", BODY, p), "/odom", ODOMETRY
                ),
            ],
            (),
            f"/odom has the poses of '{BODY}', and no transforms lead from '{CAMERA}' to '{BODY}': no "
            f"transform names '{CAMERA}', no transform names '{BODY}' (--camera-in-body X Y Z QX QY QZ QW)",
        ),
        (lambda: WITH_TF, ("--pose-topic", "/vio"), "no topic /vio; expected one of"),
        (
            lambda: WITH_TF,
            ("--pose-topic", "/cam/image_rect"),
            "/cam/image_rect is a sensor_msgs/msg/Image; expected tf2_msgs/msg/TFMessage or",
        ),
        (
            lambda: [m for m in WITH_TF if m.msgtype == IMAGE or m.msgtype == TF],
            (),
            "no camera_info beside /cam/image_rect; there is no sensor_msgs/msg/CameraInfo",
        ),
        (lambda: [m for m in WITH_TF if m.msgtype == TF], (), "no images found; expected a topic of"),
        (lambda: WITH_TF, ("--poses", "poses.txt"), "--poses poses.txt is for folders"),
        (
            lambda: WITH_TF,
            ("--camera-in-body", "0", "0", "0", "0", "0", "0", "0"),
            "a pose is 0, 0, 0, 0, 0, 0, 0; expected",
        ),
    ],
)
def test_what_cannot_be_done_is_said_in_a_sentence(
    tmp_path: Path, weights: Path, capsys: Shown, messages, flags: tuple[str, ...], sentence: str
) -> None:
    source = write_recording(tmp_path / "in.mcap", messages())
    assert run(source, tmp_path / "out.mcap", weights, *flags) == 1
    said = capsys.readouterr().err
    assert sentence in said.replace("\n  ", " ")
    assert "Traceback" not in said
    assert not (tmp_path / "out.mcap").exists()


def test_flags_of_recordings_are_none_of_folders(tmp_path: Path, weights: Path, capsys: Shown) -> None:
    write_deepvideomvs(tmp_path / "in", CLIP)
    assert run(tmp_path / "in", tmp_path / "out", weights, "--pose-topic", "/odom") == 1
    assert "--pose-topic is for recordings" in capsys.readouterr().err


def test_depth_may_be_in_millimetres_and_the_inputs_left_out(tmp_path: Path, weights: Path, expected) -> None:
    source, out = write_recording(tmp_path / "in.mcap", WITH_TF), tmp_path / "out.mcap"
    more = ("--depth-encoding", "16UC1", "--outputs", "depth/image_rect", "--no-inputs", "--namespace", "/d")
    assert run(source, out, weights, *more) == 0
    messages = list(read_messages(out))
    assert {one.topic for one in messages} == {"/d/depth/image_rect"}
    for one in messages:
        depth = expected[stamp_ns(one.message.header)]
        found = decode_depth(one.message)
        both = np.isfinite(depth) & np.isfinite(found)
        assert both.any()
        assert np.abs(found - depth)[both].max() <= 0.00051 + 1e-3 * depth[both].max()


def test_all_depths_of_a_recording_are_fused(tmp_path: Path, weights: Path) -> None:
    open3d = load_open3d()
    source = write_recording(tmp_path / "in.mcap", WITH_TF)
    assert run(source, tmp_path / "out.mcap", weights, "--fuse", "--fuse-far", "20") == 0
    mesh = open3d.io.read_triangle_mesh(str(tmp_path / "out_frames" / "mesh.ply"))
    assert len(mesh.vertices) > 100


def test_a_recording_that_breaks_off_gives_what_it_has(tmp_path: Path, weights: Path, capsys: Shown) -> None:
    source = write_recording(tmp_path / "in.mcap", WITH_TF)
    whole = source.read_bytes()
    source.write_bytes(whole[: len(whole) * 2 // 3])
    assert run(source, tmp_path / "out.mcap", weights) == 4
    shown = capsys.readouterr()
    assert "holds the frames up to there" in shown.err
    count = sum(1 for _ in read_messages(tmp_path / "out.mcap", ["/cam/depth/image_rect"]))
    assert 1 <= count < 5
