# SPDX-License-Identifier: Apache-2.0
"""Play a recording through the node, in simulated time.

``ros2 launch foundation_stereo_ros replay.launch.py bag:=ride rviz:=true``
"""

from functools import partial
from pathlib import Path

from launch import Action, LaunchContext, LaunchDescription
from launch.actions import (
    DeclareLaunchArgument,
    ExecuteProcess,
    IncludeLaunchDescription,
    LogInfo,
    OpaqueFunction,
    RegisterEventHandler,
    SetLaunchConfiguration,
    Shutdown,
    TimerAction,
)
from launch.events.process import ProcessExited
from launch.launch_description_sources import PythonLaunchDescriptionSource
from launch_ros.event_handlers import OnStateTransition

from foundation_stereo_ros.errors import BagError
from foundation_stereo_ros.ros.bags.reader import Recording, read_messages
from foundation_stereo_ros.ros.bags.storage import find_files
from foundation_stereo_ros.ros.messages.stereo_topics import COMPRESSED, find_stereo
from foundation_stereo_ros.ros.node.launching import SWITCH, argument, yaml_file

STORAGES = {".mcap": "mcap", ".db3": "sqlite3"}
OUTPUTS = ("disparity", "depth/image_rect", "depth/camera_info", "points2", "confidence", "disparity/visual")
"""Not played where the node publishes them."""

CLOCK_RATE = 100  # Hz
LINGER = 5.0  # seconds after the end of the recording, for the last pair

INPUTS = ("left", "right", "left_info", "right_info")
PAUSE = (
    "Pause and resume: ros2 service call /rosbag2_player/toggle_paused rosbag2_interfaces/srv/TogglePaused"
)


def generate_launch_description() -> LaunchDescription:
    stereo = Path(__file__).with_name("stereo.launch.py")
    return LaunchDescription(
        [
            DeclareLaunchArgument("bag", description="ROS 2 recording: folder, .mcap or .db3 file."),
            DeclareLaunchArgument("rate", default_value="1.0", description="Speed; 0.5: half as fast."),
            DeclareLaunchArgument(
                "loop", default_value="false", choices=SWITCH, description="Start again at the end."
            ),
            DeclareLaunchArgument(
                "start_offset", default_value="0.0", description="Seconds to skip at the beginning."
            ),
            DeclareLaunchArgument(
                "start_paused", default_value="false", choices=SWITCH, description=f"Start paused. {PAUSE}"
            ),
            DeclareLaunchArgument(
                "exit_at_end",
                default_value="",
                choices=["", *SWITCH],
                description="End when the recording ends. Default: true without RViz, false with it.",
            ),
            *(
                DeclareLaunchArgument(
                    side,
                    default_value="",
                    description=f"{side.capitalize()} image topic. Default: found in the recording.",
                )
                for side in ("left", "right")
            ),
            OpaqueFunction(function=_choose_topics),
            # Known before the node starts. What was played before it is active would be lost.
            RegisterEventHandler(
                OnStateTransition(
                    goal_state="active", entities=[OpaqueFunction(function=_play)], handle_once=True
                )
            ),
            IncludeLaunchDescription(
                PythonLaunchDescriptionSource(str(stereo)), launch_arguments={"use_sim_time": "true"}.items()
            ),
        ]
    )


def _bag(context: LaunchContext) -> Path:
    return Path(argument(context, "bag")).expanduser()


def _choose_topics(context: LaunchContext) -> list[Action]:
    """Find what was not given; the arguments of stereo.launch.py are not declared yet."""
    bag = _bag(context)
    _player_source(bag)  # what cannot be played is told first
    given = {name: context.launch_configurations.get(name, "") for name in INPUTS}
    try:
        with Recording(bag) as recording:
            found = find_stereo(recording.topics, **given)
    except BagError as error:
        raise BagError(error.told(lambda name, value: f"{name}:={value}")) from None
    chosen = {name: getattr(found, name) for name in INPUTS}
    # A recording can wait, so nothing need get lost.
    chosen["reliable"] = context.launch_configurations.get("reliable") or "true"
    if found.left.endswith(COMPRESSED) and not context.launch_configurations.get("image_transport"):
        chosen["image_transport"] = "compressed"
    wanted = context.launch_configurations.get("rviz") == "true"
    if wanted and not context.launch_configurations.get("optical_frame"):
        chosen["optical_frame"] = _frame_of(bag, found.left)
    return [
        LogInfo(msg=f"stereo pair: {found.left} and {found.right}"),
        *(SetLaunchConfiguration(name, value) for name, value in chosen.items()),
    ]


def _frame_of(bag: Path, topic: str) -> str:
    message = next(read_messages(bag, [topic])).message
    return str(message.header.frame_id)


def _player_source(bag: Path) -> list[str]:
    """Return the recording as ``ros2 bag play`` takes it; Humble guesses no storage."""
    files = find_files(bag).paths
    if any(file.name.removesuffix(".zstd").endswith(".bag") for file in files):
        raise BagError(
            f"{bag} is a recording of ROS 1, which ros2 bag does not play; convert it once with "
            f"rosbags-convert --src {bag} --dst {bag.with_suffix('')}, or use bag.launch.py"
        )
    if bag.is_dir() and (bag / "metadata.yaml").is_file():
        return [str(bag)]
    if not files:
        raise BagError(f"no recording at {bag}: the folder has no .mcap or .db3 files")
    if len(files) > 1:
        raise BagError(f"{bag} has no metadata.yaml; make it with ros2 bag reindex {bag}")
    if files[0].suffix not in STORAGES:
        raise BagError(f"{files[0]} cannot be played by ros2 bag; expected .mcap, .db3, or a folder")
    return [str(files[0]), "--storage", STORAGES[files[0].suffix]]


def _play(context: LaunchContext) -> list[Action]:
    value = partial(argument, context)
    prefix = f"/{value('namespace').strip('/')}".rstrip("/")
    ours = {"/clock", *(f"{prefix}/{name}" for name in OUTPUTS)}
    with Recording(_bag(context)) as recording:
        names = [topic.name for topic in recording.topics]
    kept = sorted(set(names) - ours)
    chosen = ["--topics", *kept] if len(kept) < len(set(names)) else []
    flags = [f"--{flag.replace('_', '-')}" for flag in ("loop", "start_paused") if value(flag) == "true"]
    numbers = ["--rate", value("rate"), "--start-offset", value("start_offset"), "--clock", str(CLOCK_RATE)]
    quality = ["--qos-profile-overrides-path", _quality([value(name) for name in INPUTS])]
    ends = value("exit_at_end") or ("false" if value("rviz") == "true" else "true")
    player = ExecuteProcess(
        cmd=[
            *("ros2", "bag", "play", *_player_source(_bag(context))),
            # No terminal reaches a process of a launch file.
            *(*numbers, *flags, "--disable-keyboard-controls"),
            *(quality if value("reliable") == "true" else []),
            *chosen,
        ],
        output="screen",
        on_exit=lambda event, now: [] if now.is_shutdown else _ended(event, ends == "true"),
    )
    return [LogInfo(msg=PAUSE), player]


def _quality(topics: list[str]) -> str:
    """Write how to play the pair, whatever its quality of service was: reliable."""
    profile = {"reliability": "reliable", "durability": "volatile", "history": "keep_last", "depth": 10}
    return yaml_file({topic: dict(profile) for topic in topics})


def _ended(event: ProcessExited, exits: bool) -> list[Action]:
    if event.returncode:
        return [Shutdown(reason=f"ros2 bag play ended with code {event.returncode}")]
    if not exits:
        return [LogInfo(msg="the recording has ended; Ctrl-C ends the rest")]
    return [TimerAction(period=LINGER, actions=[Shutdown(reason="the recording has ended")])]
