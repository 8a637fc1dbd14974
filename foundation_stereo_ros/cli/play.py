# SPDX-License-Identifier: Apache-2.0
"""``foundation_stereo play``: a recording on ROS 2 topics, in any Python."""

from __future__ import annotations

import argparse
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING

from foundation_stereo_ros.cli.options import (
    add_limit_option,
    add_node_options,
    positive,
    seconds,
    wire_settings_of,
)
from foundation_stereo_ros.errors import counted, printable
from foundation_stereo_ros.terminal import INTERRUPTED

if TYPE_CHECKING:
    from foundation_stereo_ros.ros.dds.player import Player

_FINISH_S = 5.0


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the flags."""
    parser.add_argument(
        "input",
        type=Path,
        metavar="BAG",
        help="recording: .mcap, .db3 or ROS 1 .bag file, or a rosbag2 folder",
    )
    _add_part_options(parser)
    _add_publishing_options(parser)
    add_node_options(parser, "player")
    add_limit_option(parser)


def _add_part_options(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("-r", "--rate", type=positive, default=1.0, metavar="X", help="speed (default: 1)")
    parser.add_argument("-l", "--loop", action="store_true", help="start again at the end, until Ctrl-C")
    parser.add_argument(
        "--start-offset",
        type=seconds,
        default=0.0,
        metavar="S",
        help="skip this many seconds at the beginning",
    )
    parser.add_argument(
        "--playback-duration", type=seconds, metavar="S", help="play only this many seconds (default: all)"
    )
    parser.add_argument(
        "--topics", nargs="+", default=[], metavar="TOPIC", help="play only these topics (default: all)"
    )


def _add_publishing_options(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--delay",
        type=seconds,
        default=1.0,
        metavar="S",
        help="wait before the first message, so that subscribers find the topics (default: 1)",
    )
    parser.add_argument(
        "--clock",
        type=positive,
        nargs="?",
        const=40.0,
        metavar="HZ",
        help="publish the time of the recording on /clock (default: off; without a number: 40 Hz)",
    )
    parser.add_argument(
        "--reliable",
        action="store_true",
        help="publish all topics reliably, even those recorded as best effort, so that no image is lost",
    )


def run(args: argparse.Namespace) -> int:
    """Play; returns the exit code."""
    settings = wire_settings_of(args)

    from foundation_stereo_ros.ros.bags.reader import Recording
    from foundation_stereo_ros.ros.dds.player import Player, PlayOptions
    from foundation_stereo_ros.ros.dds.wire import Wire
    from foundation_stereo_ros.terminal import Interrupts

    options = PlayOptions(
        rate=args.rate,
        start_offset=args.start_offset,
        duration=args.playback_duration,
        topics=tuple("/" + name.lstrip("/") for name in args.topics),
        clock_hz=args.clock or 0.0,
        reliable=args.reliable,
    )
    with Recording(args.input) as recording, Wire(settings, args.name) as wire, Interrupts():
        player = Player(wire, recording, options, time.sleep)
        for notice in (*recording.notices, *player.notices):
            print(printable(f"note: {notice}"), file=sys.stderr)
        print(printable(f"playing {', '.join(player.topics)} on domain {settings.domain}"), flush=True)
        if args.clock:
            print("nodes go by /clock where use_sim_time is set; foundation_stereo live: --use-sim-time")
        code = 0
        try:
            _play(args, player)
        except KeyboardInterrupt:
            code = INTERRUPTED
        if recording.damage:
            print(printable(f"warning: {recording.damage}"), file=sys.stderr)
        if player.damaged:
            print(f"warning: {counted(player.damaged, 'damaged message')} left out", file=sys.stderr)
        print(f"{counted(player.played, 'message')} played{', interrupted' if code else ''}", flush=True)
    return code


def _play(args: argparse.Namespace, player: Player) -> None:
    time.sleep(args.delay)
    player.play()
    while args.loop:
        player.play()
    player.finish(_FINISH_S)
