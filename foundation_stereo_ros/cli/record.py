# SPDX-License-Identifier: Apache-2.0
"""``foundation_stereo record``: ROS 2 topics into a recording, in any Python."""

from __future__ import annotations

import argparse
import sys
from contextlib import suppress
from time import monotonic
from typing import TYPE_CHECKING

from foundation_stereo_ros.cli.options import add_node_options, output, wire_settings_of
from foundation_stereo_ros.errors import counted

if TYPE_CHECKING:
    from foundation_stereo_ros.ros.dds.recorder import Recorder
    from foundation_stereo_ros.terminal import Interrupts

_LOOK_S = 0.2


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the flags."""
    parser.add_argument("topics", nargs="*", metavar="TOPIC", help="topics to record (default: all)")
    parser.add_argument(
        "-o", "--output", type=output, required=True, metavar="OUT.mcap", help="file to write"
    )
    parser.add_argument("--force", action="store_true", help="replace the output if it exists")
    parser.add_argument(
        "--duration", type=float, metavar="S", help="stop after this many seconds (default: at Ctrl-C)"
    )
    add_node_options(parser, "recorder")


def run(args: argparse.Namespace) -> int:
    """Record until Ctrl-C or SIGTERM; returns the exit code."""
    settings = wire_settings_of(args)

    from foundation_stereo_ros.ros.bags.writer import BagWriter
    from foundation_stereo_ros.ros.dds.recorder import Recorder
    from foundation_stereo_ros.ros.dds.wire import Wire
    from foundation_stereo_ros.ros.messages.topics import full_name
    from foundation_stereo_ros.terminal import Interrupts

    topics = [full_name(name) for name in args.topics]
    with (
        Interrupts() as interrupts,
        BagWriter(args.output, force=args.force) as writer,
        Wire(settings, args.name) as wire,
    ):
        recorder = Recorder(wire, writer, topics)
        print(f"recording to {args.output} on domain {settings.domain}", flush=True)
        with suppress(KeyboardInterrupt):
            _record(args, recorder, interrupts)
        recorder.write(0.0)
        count = writer.count
    print(f"{args.output}: {counted(count, 'message')}", flush=True)
    if recorder.dropped:
        print(f"warning: {counted(recorder.dropped, 'message')} came too fast to be written", file=sys.stderr)
    return 0


def _record(args: argparse.Namespace, recorder: Recorder, interrupts: Interrupts) -> None:
    end = None if args.duration is None else monotonic() + args.duration
    looked = 0.0
    while end is None or monotonic() < end:
        if monotonic() - looked > _LOOK_S:
            looked = monotonic()
            for topic in recorder.look():
                print(f"  {topic}", flush=True)
        with interrupts.shield():
            recorder.write(_LOOK_S)
