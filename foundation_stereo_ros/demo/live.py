# SPDX-License-Identifier: Apache-2.0
"""The demonstration's live part: from a player over the live node to a recorder, over DDS.

The player is this process, node and recorder are commands. Each pair is played once, and the next one after
the results of the one before, so that no pair waits for another and none is overtaken.
"""

from __future__ import annotations

import importlib
import os
import time
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

from foundation_stereo_ros.demo.latency import LiveFigures, live_figures
from foundation_stereo_ros.demo.processes import Processes, private_environment
from foundation_stereo_ros.demo.recording import NAMESPACE
from foundation_stereo_ros.errors import BagError, WireError
from foundation_stereo_ros.estimate.config import PipelineConfig, settings
from foundation_stereo_ros.ros.messages.pipeline import MAIN_OUTPUTS
from foundation_stereo_ros.terminal import FrameProgress

if TYPE_CHECKING:
    from foundation_stereo_ros.demo.listener import Listener
    from foundation_stereo_ros.ros.dds.player import Player

PAIRS = 10
"""Played at most."""

_SIDES = ("left", "right")
_RESULTS = tuple(f"{NAMESPACE}/{name}" for name in MAIN_OUTPUTS)
_LONGEST_S = 8.0
"""What may lie between the first result and the last; the node's medians are of the last 10 seconds."""
_PAUSE_S = 0.1
"""Before the next pair; the cloud is still on its way when the results before it are there."""


def try_live(
    recording: Path, output: Path, config: PipelineConfig, say: Callable[[str], None]
) -> LiveFigures | None:
    """As `run_live`, and tell how it went; None where it could not be done, which costs the rest nothing."""
    try:
        importlib.import_module("foundation_stereo_ros.ros.dds.endpoints")
    except ImportError:
        say("     skipped: Cyclone DDS is not here; pip install 'foundation-stereo-ros[dds]'")
        return None
    try:
        return run_live(recording, output, config)
    except (WireError, BagError) as error:
        say(f"     skipped: {error}")
        return None


def run_live(recording: Path, output: Path, config: PipelineConfig) -> LiveFigures:
    """Play pairs to the live node, and record what it publishes.

    Args:
        recording: of the camera.
        output: .mcap file to make; one that is there is replaced.
        config: the node's settings.

    Raises:
        WireError: a process ended by itself, or results did not come.
        BagError: a recording cannot be read.
    """
    from foundation_stereo_ros.demo.listener import Listener
    from foundation_stereo_ros.ros.bags.reader import Recording
    from foundation_stereo_ros.ros.dds.environment import wire_settings
    from foundation_stereo_ros.ros.dds.player import Player, PlayOptions
    from foundation_stereo_ros.ros.dds.wire import Wire
    from foundation_stereo_ros.terminal import Interrupts

    environment = private_environment(f"foundation_stereo_demo_{os.getpid()}")
    images = [f"{NAMESPACE}/{side}/image_rect" for side in _SIDES]
    infos = [f"{NAMESPACE}/{side}/camera_info" for side in _SIDES]
    options = PlayOptions(topics=(*infos, *images), reliable=True)
    with (
        # A kill, too, must end the other processes.
        Interrupts(),
        Recording(recording) as source,
        Wire(wire_settings(environ=environment), "player") as wire,
        Processes(environment) as processes,
    ):
        listener, player = Listener(wire, processes.check), Player(wire, source, options, time.sleep)
        processes.start("live", "--left", images[0], "--right", images[1], "--reliable", *_flags(config))
        processes.start("record", *_RESULTS, "-o", str(output), "--force")
        listener.wait_until_ready(MAIN_OUTPUTS)
        written, first_s = _play(player, listener)
        network = listener.network_seconds(len(written), first_s)
        # The node first: meanwhile the recorder gets what is on its way.
        processes.end()
    return live_figures(output, written, network)


def _play(player: Player, listener: Listener) -> tuple[dict[int, int], float]:
    """Return when each pair was written, by its stamp, and when the first result had come (`monotonic`)."""
    written: dict[int, int] = {}
    first_s = 0.0
    with FrameProgress(PAIRS) as progress:
        for moment in player.moments():
            begin = time.monotonic()
            written[moment.log_time] = moment.written_ns
            listener.wait_for_result(moment.log_time)
            progress.step()
            now = time.monotonic()
            first_s = first_s or now
            # Another one as long as this would still have to fit.
            if len(written) == PAIRS or now - first_s + now - begin > _LONGEST_S:
                break
            time.sleep(_PAUSE_S)
    return written, first_s


def _flags(config: PipelineConfig) -> list[str]:
    """Return the settings that are not default as words of a command line."""
    words: list[str] = []
    for setting in settings():
        value: Any = getattr(config, setting.name)
        flag = setting.name.replace("_", "-")
        if value == setting.default:
            continue
        if setting.type is bool:
            words.append(f"--{flag}" if value else f"--no-{flag}")
        else:
            words.append(f"--{flag}={value}")
    return words
