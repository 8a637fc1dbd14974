# SPDX-License-Identifier: Apache-2.0
"""The launch files hand on what is given and nothing else; nothing is started here."""

from __future__ import annotations

import importlib.util
import inspect
import os
import re
import subprocess
import sys
from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
import pytest
import yaml

from foundation_stereo_ros.errors import BagError
from foundation_stereo_ros.geometry.camera import Camera, StereoRig
from foundation_stereo_ros.ros.bags.writer import BagWriter, StereoRecorder
from foundation_stereo_ros.ros.live import advice, demand, status
from foundation_stereo_ros.ros.live.parameters import STEREO, in_its_type
from foundation_stereo_ros.ros.messages.cdr import IMAGE, message_types
from foundation_stereo_ros.ros.messages.images import encode_image

pytestmark = pytest.mark.ros

ROOT = Path(__file__).parents[2]
LAUNCH_FILES = sorted((ROOT / "launch").glob("*.launch.py"))
PICTURE = np.zeros((8, 8, 3), np.uint8)


def load(name: str) -> ModuleType:
    spec = importlib.util.spec_from_file_location(f"{name}_launch", ROOT / "launch" / f"{name}.launch.py")
    assert spec
    assert spec.loader
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def started(module: ModuleType, **given: str) -> tuple[list[Any], Any]:
    """Return all that would be started with these arguments, and the context with its configurations."""
    from launch import LaunchContext

    context = LaunchContext()
    context.launch_configurations.update(given)
    return list(leaves(module.generate_launch_description(), context)), context


def leaves(entity: Any, context: Any) -> Iterator[Any]:
    from launch.actions import ExecuteProcess, LogInfo, RegisterEventHandler

    if isinstance(entity, ExecuteProcess | LogInfo | RegisterEventHandler):
        yield entity
    else:
        for part in entity.visit(context) or []:
            yield from leaves(part, context)


def node(found: list[Any], executable: str = "stereo_node") -> Any:
    from launch_ros.actions import Node

    (one,) = [action for action in found if isinstance(action, Node) and action.node_executable == executable]
    return one


def words(action: Any, context: Any) -> list[str]:
    """Return the command line after the executable."""
    from launch.utilities import perform_substitutions
    from launch_ros.actions import Node

    if isinstance(action, Node):
        action._perform_substitutions(context)
        context.extend_locals({"ros_specific_arguments": {"name": "__node", "ns": "__ns"}})
    return [perform_substitutions(context, word) for word in action.cmd[1:]]


def rules(line: list[str]) -> list[str]:
    return [after for flag, after in pairwise(line) if flag == "-r" and "__" not in after]


def parameter_files(line: list[str]) -> list[Any]:
    files = [after for flag, after in pairwise(line) if flag == "--params-file"]
    assert files[0] == str(ROOT / "config" / "stereo.yaml")
    return [yaml.safe_load(Path(file).read_text(encoding="utf-8")) for file in files[1:]]


@pytest.mark.parametrize("path", LAUNCH_FILES, ids=lambda path: path.name)
def test_every_argument_is_described(path: Path) -> None:
    description = load(path.name.removesuffix(".launch.py")).generate_launch_description()
    for argument in description.get_launch_arguments():
        assert len(argument.description) > 8, argument.name


def test_nothing_given_changes_nothing() -> None:
    found, context = started(load("stereo"))
    line = words(node(found), context)
    assert rules(line) == []
    assert parameter_files(line) == []
    assert node(found).node_name == "/stereo/stereo_node"
    assert line[line.index("--log-level") + 1] == "stereo.stereo_node:=info"


@pytest.mark.parametrize(("namespace", "name"), [("", "/stereo_node"), ("/a/b/", "/a/b/stereo_node")])
def test_any_namespace(namespace: str, name: str) -> None:
    found, context = started(load("stereo"), namespace=namespace)
    line = words(node(found), context)
    assert node(found).node_name == name
    assert line[line.index("--log-level") + 1] == f"{name[1:].replace('/', '.')}:=info"


def test_what_is_given_is_handed_on(tmp_path: Path) -> None:
    mine = tmp_path / "mine.yaml"
    mine.write_text("/**: {ros__parameters: {z_far: 5.0}}")
    given = {"left": "/a/left", "right": "/a/right", "right_info": "/b/info", "namespace": "robot/front"}
    more = {
        "checkpoint": "off",
        "image_transport": "compressed",
        "use_sim_time": "true",
        "log_level": "debug",
    }
    found, context = started(load("stereo"), camera="oak", params_file=str(mine), **given, **more)
    line = words(node(found), context)
    assert rules(line) == [
        "left/image_rect:=/a/left",
        "right/image_rect:=/a/right",
        "right/camera_info:=/b/info",
    ]
    preset, own, last = parameter_files(line)
    assert preset["/**"]["ros__parameters"]["rectification"] == "off"
    assert own["/**"]["ros__parameters"] == {"z_far": 5.0}
    assert last["/robot/front/stereo_node"]["ros__parameters"] == {
        "checkpoint": "off",
        "image_transport": "compressed",
        "use_sim_time": True,
    }
    assert line[line.index("--log-level") + 1] == "robot.front.stereo_node:=debug"


def test_settings_that_the_log_may_name_are_arguments_in_their_types() -> None:
    texts = {"approximate_sync": "true", "slop": "0.03", "queue_size": "5", "rectification": "off"}
    more = {"baseline": "1", "confidence": "false", "memory_budget": "800", "save_directory": "20"}
    found, context = started(load("stereo"), namespace="", **texts, **more)
    (last,) = parameter_files(words(node(found), context))
    values = last["/stereo_node"]["ros__parameters"]
    assert values == {
        "approximate_sync": True,
        "slop": 0.03,
        "queue_size": 5,
        "rectification": "off",
        "baseline": 1,
        "confidence": False,
        "memory_budget": 800,
        "save_directory": "20",
    }
    STEREO.judge({name: in_its_type(STEREO.settings[name], value) for name, value in values.items()})
    found, context = started(load("stereo"), slop="far: [")
    (last,) = parameter_files(words(node(found), context))
    assert last["/stereo/stereo_node"]["ros__parameters"] == {"slop": "far: ["}  # the node refuses it
    with pytest.raises(RuntimeError, match="rectification"):
        started(load("stereo"), rectification="maybe")


def test_every_parameter_that_advice_names_is_a_launch_argument() -> None:
    """Sentences name parameters; who launched the node should find an argument of that name."""
    module = load("stereo")
    arguments = {a.name for a in module.generate_launch_description().get_launch_arguments()}
    said = inspect.getsource(advice) + inspect.getsource(demand) + inspect.getsource(status)
    texts = " ".join(re.findall(r'"([^"]*)"', said))
    named = {name for name in STEREO.settings if re.search(rf"\b{name}\b", texts) and "_" in name}
    assert {"approximate_sync", "image_transport", "queue_size"} <= named <= arguments
    assert not re.search(r"\w:=", texts)


def test_nothing_is_left_behind_when_the_launch_has_ended(tmp_path: Path) -> None:
    bag = record(tmp_path / "ride.mcap", "/rig")
    (tmp_path / "temporary").mkdir()
    code = f"""
import sys, tempfile
from pathlib import Path
sys.path.insert(0, {str(Path(__file__).parent)!r})
from test_launch_files import load, node, started, words
for given in ({{"camera": "oak", "slop": "0.5"}}, {{"camera": "oak", "namespace": "other"}}):
    found, context = started(load("stereo"), **given)
    print(*words(node(found), context))
module = load("replay")
found, context = started(module, bag={str(bag)!r})
words(node(found), context)
print(*words(module._play(context)[1], context))
assert any(Path(tempfile.gettempdir()).iterdir())
"""
    environment = {**os.environ, "TMPDIR": str(tmp_path / "temporary")}
    done = subprocess.run(
        [sys.executable, "-c", code], env=environment, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    assert str(tmp_path / "temporary") in done.stdout
    assert list((tmp_path / "temporary").iterdir()) == []


def test_reliable_names_the_topics_as_the_node_resolves_them() -> None:
    given = {"left": "/a/left/raw", "right": "near/right", "right_info": "/b/info", "reliable": "true"}
    found, context = started(load("stereo"), namespace="/rig", image_transport="compressed", **given)
    (last,) = parameter_files(words(node(found), context))
    names = [name for name in last["/rig/stereo_node"]["ros__parameters"] if "qos" in name]
    assert {name.split(".")[1] for name in names} == {
        *("/a/left/raw/compressed", "/a/left/camera_info", "/rig/near/right/compressed", "/b/info")
    }


@pytest.mark.parametrize("camera", ["oak", "realsense", "zed"])
def test_a_camera_brings_its_topics(camera: str) -> None:
    preset = yaml.safe_load((ROOT / "config" / "cameras" / f"{camera}.yaml").read_text(encoding="utf-8"))
    found, context = started(load("stereo"), camera=camera)
    line = words(node(found), context)
    assert rules(line) == [f"left/image_rect:={preset['left']}", f"right/image_rect:={preset['right']}"]
    expected = [{"/**": {"ros__parameters": preset["parameters"]}}] if "parameters" in preset else []
    assert parameter_files(line) == expected


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({"left": "/a"}, "left:=/a is given and right is not"),
        ({"right": "/a"}, "right:=/a is given and left is not"),
        ({"params_file": "gone.yaml"}, "params_file is gone.yaml; there is no such file"),
        ({"camera": "bumblebee"}, "generic"),
    ],
)
def test_wrong_arguments_are_named(given: dict[str, str], message: str) -> None:
    with pytest.raises(RuntimeError, match=message):
        started(load("stereo"), **given)


@pytest.mark.parametrize(
    ("text", "message"),
    [("lefft: /a", "no key is called lefft"), ("parameters: {zfar: 1}", "no parameter is called zfar")],
)
def test_wrong_presets_are_named(
    text: str, message: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    module = load("stereo")
    (tmp_path / "cameras").mkdir()
    (tmp_path / "cameras" / "generic.yaml").write_text(text)
    monkeypatch.setattr(module, "CONFIG", tmp_path)
    with pytest.raises(RuntimeError, match=message):
        started(module)


def test_rviz_shows_the_namespace_and_stands_upright(monkeypatch: pytest.MonkeyPatch) -> None:
    module = load("stereo")
    monkeypatch.setattr("foundation_stereo_ros.ros.node.launching.get_package_prefix", str)
    found, context = started(module, rviz="true", namespace="front", camera="zed", use_sim_time="true")
    line = words(node(found, "rviz2"), context)
    assert line[line.index("-f") + 1] == "front_view"
    assert set(rules(line)) == {
        "/stereo/points2:=/front/points2",
        "/stereo/depth/image_rect:=/front/depth/image_rect",
        "/stereo/disparity/visual:=/front/disparity/visual",
        "/stereo/left/image_rect:=/zed/zed_node/left/color/rect/image",
    }
    turned = words(node(found, "static_transform_publisher"), context)
    assert turned[:4] == ["--frame-id", "zed_left_camera_frame_optical", "--child-frame-id", "front_view"]
    x, y, z, w = (float(turned[turned.index(f"--q{axis}") + 1]) for axis in "xyzw")
    # First and third axis of the rotation, in optical coordinates: forward is z, up is -y.
    assert [1 - 2 * (y * y + z * z), 2 * (x * y + w * z), 2 * (x * z - w * y)] == [0.0, 0.0, 1.0]
    assert [2 * (x * z + w * y), 2 * (y * z - w * x), 1 - 2 * (x * x + y * y)] == [0.0, -1.0, 0.0]


def test_a_fixed_frame_needs_no_frame_made_for_it(monkeypatch: pytest.MonkeyPatch) -> None:
    module = load("stereo")
    monkeypatch.setattr("foundation_stereo_ros.ros.node.launching.get_package_prefix", str)
    found, context = started(module, rviz="true", fixed_frame="map")
    line = words(node(found, "rviz2"), context)
    assert line[line.index("-f") + 1] == "map"
    assert rules(line) == []
    assert len(found) == 2


def test_no_rviz_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    from ament_index_python.packages import PackageNotFoundError

    def missing(_: str) -> str:
        raise PackageNotFoundError

    module = load("stereo")
    monkeypatch.setattr("foundation_stereo_ros.ros.node.launching.get_package_prefix", missing)
    with pytest.raises(RuntimeError, match="no rviz2 here"):
        started(module, rviz="true")


def record(path: Path, *rigs: str, made: bool = False) -> Path:
    camera = Camera(8, 8, 8.0, 8.0, 3.5, 3.5)
    with BagWriter(path) as writer:
        for rig in rigs:
            recorder = StereoRecorder(writer, StereoRig(camera, camera, 0.1), rig, f"{rig[1:]}_optical")
            recorder.add(PICTURE, PICTURE, 10**18)
            if made:
                image = encode_image(message_types(), recorder.header(10**18), PICTURE, "rgb8")
                recorder.write("disparity/visual", IMAGE, image, 10**18)
    return path


def test_replay_finds_the_pair_and_its_frame(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    bag = record(tmp_path / "ride.mcap", "/rig")
    found, context = started(load("replay"), bag=str(bag))
    line = words(node(found), context)
    assert rules(line) == [
        "left/image_rect:=/rig/left/image_rect",
        "right/image_rect:=/rig/right/image_rect",
        "left/camera_info:=/rig/left/camera_info",
        "right/camera_info:=/rig/right/camera_info",
    ]
    (last,) = parameter_files(line)
    inputs = [f"/rig/{side}/{name}" for side in ("left", "right") for name in ("image_rect", "camera_info")]
    assert last["/stereo/stereo_node"]["ros__parameters"] == {
        "use_sim_time": True,
        **{f"qos_overrides.{topic}.subscription.reliability": "reliable" for topic in inputs},
    }
    module = load("replay")
    monkeypatch.setattr("foundation_stereo_ros.ros.node.launching.get_package_prefix", str)
    found, context = started(module, bag=str(bag), rviz="true")
    assert "rig_optical" in words(node(found, "static_transform_publisher"), context)


def test_replay_asks_which_rig_in_words_of_launch(tmp_path: Path) -> None:
    bag = record(tmp_path / "ride.mcap", "/front", "/rear")
    with pytest.raises(BagError, match=r"\n  left:=/rear/left/image_rect right:=/rear/right/image_rect"):
        started(load("replay"), bag=str(bag))
    found, context = started(load("replay"), bag=str(bag), left="/rear/left/image_rect")
    assert rules(words(node(found), context))[1] == "right/image_rect:=/rear/right/image_rect"


def played(**given: str) -> list[str]:
    """Return the player's command line."""
    module = load("replay")
    _, context = started(module, **given)
    _, player = module._play(context)
    return words(player, context)


def test_replay_plays_as_told(tmp_path: Path) -> None:
    bag = record(tmp_path / "ride.mcap", "/stereo")
    line = played(bag=str(bag), reliable="false")
    assert line[:5] == ["bag", "play", str(bag), "--storage", "mcap"]
    usual = "--rate 1.0 --start-offset 0.0 --clock 100 --disable-keyboard-controls"
    assert line[5:] == usual.split()
    line = played(bag=str(bag), rate="0.5", loop="true", start_offset="2", start_paused="true")
    given = "--rate 0.5 --start-offset 2 --clock 100 --loop --start-paused --disable-keyboard-controls"
    assert line[5:-1] == [*given.split(), "--qos-profile-overrides-path"]
    profiles = yaml.safe_load(Path(line[-1]).read_text(encoding="utf-8"))
    assert len(profiles) == 4
    assert {profile["reliability"] for profile in profiles.values()} == {"reliable"}


def test_replay_leaves_out_what_the_node_makes(tmp_path: Path) -> None:
    bag = record(tmp_path / "ride.mcap", "/stereo", made=True)
    line = played(bag=str(bag))
    recorded = [
        f"/stereo/{side}/{name}" for side in ("left", "right") for name in ("camera_info", "image_rect")
    ]
    assert line[line.index("--topics") + 1 :] == recorded
    assert "--topics" not in played(bag=str(bag), namespace="other")


def test_replay_knows_all_outputs() -> None:
    from foundation_stereo_ros.ros.messages.pipeline import OUTPUTS

    assert tuple(OUTPUTS) == load("replay").OUTPUTS


def test_replay_of_folders(tmp_path: Path) -> None:
    record(tmp_path / "ride" / "ride_0.mcap", "/stereo")
    assert played(bag=str(tmp_path / "ride"))[2:5] == [
        *(str(tmp_path / "ride" / "ride_0.mcap"), "--storage", "mcap")
    ]
    record(tmp_path / "ride" / "ride_1.mcap", "/stereo")
    with pytest.raises(BagError, match=r"no metadata\.yaml; make it with ros2 bag reindex"):
        started(load("replay"), bag=str(tmp_path / "ride"))


def test_replay_refuses_what_cannot_be_played(tmp_path: Path) -> None:
    (tmp_path / "old.bag").touch()
    (tmp_path / "ride.mcap.zstd").touch()
    (tmp_path / "empty").mkdir()
    for name, message in {
        "old.bag": "recording of ROS 1.*rosbags-convert --src .*old.bag --dst .*old,",
        "ride.mcap.zstd": "expected .mcap, .db3, or a folder",
        "gone": "no such file or folder",
        "empty": "no .mcap or .db3 files",
    }.items():
        with pytest.raises(BagError, match=message):
            started(load("replay"), bag=str(tmp_path / name))


@pytest.mark.parametrize(
    ("given", "returncode", "kinds"),
    [
        ({}, 0, ["TimerAction"]),
        ({"rviz": "true"}, 0, ["LogInfo"]),
        ({"rviz": "true", "exit_at_end": "true"}, 0, ["TimerAction"]),
        ({"exit_at_end": "false"}, 0, ["LogInfo"]),
        ({"exit_at_end": "false"}, 1, ["Shutdown"]),
    ],
)
def test_the_end_of_a_replay(
    given: dict[str, str],
    returncode: int,
    kinds: list[str],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    from types import SimpleNamespace

    module = load("replay")
    monkeypatch.setattr("foundation_stereo_ros.ros.node.launching.get_package_prefix", str)
    _, context = started(module, bag=str(record(tmp_path / "ride.mcap", "/stereo")), **given)
    made: dict[str, Any] = {}
    monkeypatch.setattr(module, "ExecuteProcess", lambda **kwargs: made.update(kwargs))
    module._play(context)
    actions = made["on_exit"](SimpleNamespace(returncode=returncode), context)
    assert [type(action).__name__ for action in actions] == kinds
    # Ctrl-C ends the player too, and that is no news.
    assert made["on_exit"](SimpleNamespace(returncode=returncode), SimpleNamespace(is_shutdown=True)) == []


def test_the_demo_makes_its_recording_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    module = load("demo")
    bag = tmp_path / "new" / "demo.mcap"
    monkeypatch.setattr(module.ExecutableInPackage, "perform", lambda *_: "foundation_stereo")
    commands: list[list[str]] = []

    def run(command: list[str], *, check: bool) -> subprocess.CompletedProcess[str]:
        commands.append(command)
        record(bag, "/stereo")
        return subprocess.CompletedProcess(command, 0)

    monkeypatch.setattr(subprocess, "run", run)
    for _ in range(2):
        found, context = started(module, bag=str(bag), rviz="false")
        assert "left/image_rect:=/stereo/left/image_rect" in rules(words(node(found), context))
        assert context.launch_configurations["loop"] == "true"
    assert commands == [["foundation_stereo", "demo", "--recording", str(bag)]]


def test_a_failed_recording_ends_the_demo(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    module = load("demo")
    monkeypatch.setattr(module.ExecutableInPackage, "perform", lambda *_: "false")
    with pytest.raises(RuntimeError, match="recording was not made"):
        started(module, bag=str(tmp_path / "demo.mcap"))


def test_of_video_what_is_given_is_handed_on(tmp_path: Path) -> None:
    given = {"image": "/a/image_raw", "pose_topic": "/vio", "namespace": "robot", "reliable": "true"}
    found, context = started(load("video"), every_frame="true", **given)
    line = words(node(found, "video_node"), context)
    assert rules(line) == ["image:=/a/image_raw"]
    files = [after for flag, after in pairwise(line) if flag == "--params-file"]
    assert files[0] == str(ROOT / "config" / "video.yaml")
    (last,) = [yaml.safe_load(Path(file).read_text(encoding="utf-8")) for file in files[1:]]
    assert last["/robot/video_node"]["ros__parameters"] == {
        "pose_topic": "/vio",
        "every_frame": True,
        "qos_overrides./a/image_raw.subscription.reliability": "reliable",
        "qos_overrides./a/camera_info.subscription.reliability": "reliable",
    }


def test_of_video_nothing_given_changes_nothing() -> None:
    found, context = started(load("video"))
    line = words(node(found, "video_node"), context)
    assert rules(line) == []
    assert [after for flag, after in pairwise(line) if flag == "--params-file"] == [
        str(ROOT / "config" / "video.yaml")
    ]
