# SPDX-License-Identifier: Apache-2.0
"""The demonstration's live part: player, node and recorder, each in a process of its own, over DDS."""

from __future__ import annotations

import importlib.util
import os
import signal
import subprocess
import sys
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from time import sleep
from typing import Any

from foundation_stereo_ros.bags.reader import read_messages
from foundation_stereo_ros.cli.demo_recording import NAMESPACE
from foundation_stereo_ros.errors import BagError, WireError
from foundation_stereo_ros.pipeline.config import PipelineConfig, settings
from foundation_stereo_ros.pipeline.messages_pipeline import MAIN_OUTPUTS

_CLOCK_HZ = "500"
_RESULTS = 8
_SHORTEST_S, _LONGEST_S = 5.0, 60.0
_END_S = 10.0
_STATUS = "/diagnostics"


@dataclass(frozen=True)
class LiveFigures:
    """What came over the wire.

    Attributes:
        path: the recorder's file.
        results: clouds in it.
        latency: from the images' stamps until the results are published, median, as the node tells it.
        compute: the part of it that the pipeline takes.
        dropped: pairs that a newer one overtook, since the network is slower than the camera.
    """

    path: Path
    results: int
    latency: str
    compute: str
    dropped: str


def try_live(
    recording: Path, output: Path, config: PipelineConfig, seconds: float, say: Callable[[str], None]
) -> LiveFigures | None:
    """As `run_live`, and tell how it went; None where it could not be done, which costs the rest nothing."""
    if importlib.util.find_spec("cyclonedds") is None:
        say("3/5  live: left out; pip install 'foundation-stereo-ros[dds]' for it")
        return None
    say(f"3/5  live: player, node and recorder over DDS: {output}")
    try:
        live = run_live(recording, output, config, seconds)
    except (WireError, BagError) as error:
        say(f"     live: {error}")
        return None
    say(f"     {live.latency} from stamp to result, {live.compute} of it computing")
    return live


def run_live(recording: Path, output: Path, config: PipelineConfig, seconds: float) -> LiveFigures:
    """Play a recording to the live node, and record what it publishes.

    Args:
        recording: of the camera.
        output: .mcap file to make.
        config: the node's settings.
        seconds: that the network takes for a frame.

    Raises:
        WireError: a process ended by itself, or no result came.
        BagError: the recorder's file cannot be read.
    """
    cameras = [word for side in ("left", "right") for word in (f"--{side}", f"{NAMESPACE}/{side}/image_rect")]
    wanted = [f"{NAMESPACE}/{name}" for name in MAIN_OUTPUTS]
    processes: list[subprocess.Popen[str]] = []
    try:
        node = _start("live", *cameras, "--use-sim-time", "--reliable", *_flags(config))
        processes.append(node)
        processes.append(_start("record", *wanted, _STATUS, "-o", str(output), "--force"))
        _wait_for_line(node, "publishes:")
        processes.append(
            _start("play", str(recording), "--loop", "--reliable", "--clock", _CLOCK_HZ, "--delay", "1")
        )
        sleep(min(max(_RESULTS * seconds, _SHORTEST_S), _LONGEST_S) + seconds)
        ended = [process for process in processes if process.poll() is not None]
        if ended:
            raise WireError(f"{_command(ended[0])} ended with {ended[0].returncode}")
    finally:
        for process in reversed(processes):
            _end(process)
    return _figures(output)


def _start(*words: str) -> subprocess.Popen[str]:
    # This computer alone, and hardly a domain where a robot is.
    local = {"ROS_AUTOMATIC_DISCOVERY_RANGE": "LOCALHOST", "ROS_DOMAIN_ID": str(10 + os.getpid() % 30)}
    return subprocess.Popen(
        [sys.executable, "-m", "foundation_stereo_ros.cli.main", *words],
        env={**os.environ, **local},
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
    )


def _wait_for_line(process: subprocess.Popen[str], wanted: str) -> None:
    if process.stdout is None or not any(line.strip() == wanted for line in process.stdout):
        raise WireError(f"{_command(process)} did not start")


def _command(process: subprocess.Popen[str]) -> str:
    words: Any = process.args
    return " ".join(words)


def _end(process: subprocess.Popen[str]) -> None:
    if process.poll() is None:
        process.send_signal(signal.SIGINT)
    with suppress(subprocess.TimeoutExpired):
        process.communicate(timeout=_END_S)
    process.kill()


def _flags(config: PipelineConfig) -> list[str]:
    """Return the settings that are not default as words of a command line."""
    words: list[str] = []
    for setting in settings():
        value: Any = getattr(config, setting.name)
        flag = setting.name.replace("_", "-")
        if value == setting.default:
            continue
        words += (
            [f"--{flag}" if value else f"--no-{flag}"] if setting.type is bool else [f"--{flag}", str(value)]
        )
    return words


def _figures(path: Path) -> LiveFigures:
    results = 0
    status: dict[str, str] = {}
    for topic, message, _ in read_messages(path):
        if topic == _STATUS:
            told = {pair.key: pair.value for pair in message.status[0].values}
            # Lately there may have been nothing, while all ends.
            status = told if told["latency p50"].endswith("ms") or not status else status
        results += topic.endswith("/points2")
    if not results:
        raise WireError(f"no result came over the wire; {path} holds what the node told")
    return LiveFigures(
        path, results, status["latency p50"], status["compute p50"], status.get("dropped", "0")
    )
