# SPDX-License-Identifier: Apache-2.0
"""The demonstration's live part: from a player over the live node to a recorder, over DDS.

The player is this process, node and recorder are commands. Each pair is played once, and the next one after
the results of the one before, so that no pair waits for another and none is overtaken.
"""

from __future__ import annotations

import importlib
import os
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from foundation_stereo_ros.demo.processes import Processes, private_environment
from foundation_stereo_ros.demo.recording import NAMESPACE
from foundation_stereo_ros.errors import BagError, WireError, counted
from foundation_stereo_ros.estimate.config import PipelineConfig, settings
from foundation_stereo_ros.ros.bags.reader import read_messages
from foundation_stereo_ros.ros.messages.pipeline import MAIN_OUTPUTS
from foundation_stereo_ros.ros.messages.stamps import stamp_ns
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
        say("     skipped: Cyclone DDS is not installed; pip install 'foundation-stereo-ros[dds]'")
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


@dataclass(frozen=True)
class LiveFigures:
    """What came over the wire; times are in seconds.

    Attributes:
        path: the recorder's file.
        played: pairs that were played.
        results: pairs all of whose results have been recorded.
        p50, p95: of those, from when the player wrote the pair until the recorder had all its results.
        network: how much of that the network computes, median of the same pairs; None: not known.
    """

    path: Path
    played: int
    results: int
    p50: float
    p95: float
    network: float | None

    def __str__(self) -> str:
        """In words."""
        pairs = f"{self.results} pair{'s' * (self.results != 1)}"
        some = f"{pairs} of {self.played}" if self.results < self.played else pairs
        share = "" if self.network is None else f", of which the network takes {1000 * self.network:.0f} ms"
        return (
            f"{1000 * self.p50:.0f} ms from writing a pair to having all its results{share} "
            f"(medians; p95 {1000 * self.p95:.0f} ms; {some}, one after the other)"
        )


def received(path: Path) -> dict[int, int]:
    """Read when a recorder had all results of a pair.

    Returns:
        Stamp -> nanoseconds since 1970; pairs of which a result is missing are left out.

    Raises:
        BagError: the recording cannot be read.
    """
    topics = [f"{NAMESPACE}/{name}" for name in MAIN_OUTPUTS]
    times: dict[int, dict[str, int]] = {}
    for topic, message, log_time in read_messages(path, topics):
        times.setdefault(stamp_ns(message.header), {})[topic] = log_time
    return {stamp: max(found.values()) for stamp, found in times.items() if len(found) == len(topics)}


def live_figures(path: Path, written: Mapping[int, int], network: float | None) -> LiveFigures:
    """Match results with the pairs that they are of.

    Args:
        path: the recorder's file.
        written: stamp -> when the player wrote that pair, nanoseconds since 1970.
        network: what the network takes for a pair, median of all that were played, seconds; None: not known.

    Raises:
        BagError: the recording cannot be read.
        WireError: no result in it is of a pair that was played, or it came before its pair.
    """
    had = received(path)
    seconds = [(had[stamp] - at) / 1e9 for stamp, at in written.items() if stamp in had]
    if not seconds:
        raise WireError(f"of {counted(len(written), 'pair')} no result came over the wire to {path}")
    if min(seconds) < 0:
        raise WireError("the computer's clock was set back meanwhile, so that nothing could be measured")
    p50, p95 = np.percentile(seconds, (50, 95))
    # Of other pairs than those measured, its median could be anything beside theirs.
    known = network if len(seconds) == len(written) else None
    return LiveFigures(path, len(written), len(seconds), float(p50), float(p95), known)
