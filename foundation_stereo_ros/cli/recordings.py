# SPDX-License-Identifier: Apache-2.0
"""Flags of commands that read a recording and write another one, and what they mean."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from foundation_stereo_ros.cli.options import count, seconds
from foundation_stereo_ros.errors import BagError, ConfigError, printable

if TYPE_CHECKING:
    from collections.abc import Collection

    from foundation_stereo_ros.ros.bags.job_options import JobOptions
    from foundation_stereo_ros.ros.bags.reader import Recording


def add_part_options(group: argparse._ArgumentGroup, what: str) -> None:
    """Add the flags that choose a part of a recording, which is made of ``what``: pairs, or images."""
    group.add_argument(
        "--start", type=seconds, default=0.0, metavar="S", help="skip this many seconds at the beginning"
    )
    group.add_argument(
        "--duration", type=seconds, metavar="S", help="length in seconds (default: up to the end)"
    )
    group.add_argument(
        "--every", type=count, default=1, metavar="N", help=f"process only every n-th {what} (default: 1)"
    )
    group.add_argument("--max-frames", type=count, default=0, metavar="N", help="stop after n frames")


def add_message_options(group: argparse._ArgumentGroup, namespace: str, outputs: str) -> None:
    """Add the flags that choose what is written to the recording; the texts are those of the defaults."""
    group.add_argument("--namespace", metavar="NAME", help=f"namespace of the outputs (default: {namespace})")
    group.add_argument("--outputs", metavar="NAMES", help=f"messages to write (default: {outputs})")
    group.add_argument("--no-inputs", action="store_true", help="do not copy the recorded messages")


def tell_notices(recording: Recording) -> None:
    """Say on stderr what the user should know about a recording."""
    for notice in recording.notices:
        print(printable(f"note: {notice}"), file=sys.stderr)


def check_place(recording: Recording, output: Path) -> None:
    """Refuse an output that would become a part of the recording.

    Raises:
        BagError: it would.
    """
    if recording.takes(output):
        raise BagError(f"{output} would belong to the recording {recording.path}; use another folder")


def named_outputs(text: str, confidence: bool) -> tuple[str, ...]:
    """Split "disparity,points2".

    Raises:
        ConfigError: an output is not known.
    """
    from foundation_stereo_ros.ros.messages.outputs import OUTPUTS

    chosen = tuple(word.strip() for word in text.split(",") if word.strip())
    for word in chosen:
        if word not in OUTPUTS:
            raise ConfigError(f"unknown output {word!r}; expected some of {','.join(OUTPUTS)}")
    if "confidence" in chosen and not confidence:
        print("note: no confidence is written, since it is not computed; --confidence does", file=sys.stderr)
    return chosen


def job_options(
    args: argparse.Namespace,
    recording: Recording,
    namespace: str,
    outputs: tuple[str, ...],
    tolerance_ns: int = 0,
) -> JobOptions:
    """Turn the flags into a job's options.

    Args:
        args: the flags of `add_part_options` and `add_message_options`.
        recording: to be processed.
        namespace: of the outputs, unless one is given.
        outputs: their names.
        tolerance_ns: largest difference of the stamps of left and right.

    Raises:
        BagError: the outputs' names are taken by recorded topics.
    """
    from foundation_stereo_ros.ros.bags.job_options import JobOptions, colliding

    start = recording.start_ns + round(args.start * 1e9)
    given = args.namespace is not None
    chosen = _namespace(args.namespace) if given else namespace
    # Cameras with a depth sensor record their own depth/camera_info; ours goes one level below then.
    for candidate in [chosen] if given else [chosen, f"{chosen}/foundation_stereo"]:
        made = JobOptions(
            namespace=candidate,
            outputs=outputs,
            tolerance_ns=tolerance_ns,
            start_ns=start if args.start else None,
            stop_ns=None if args.duration is None else start + round(args.duration * 1e9),
            every=args.every,
            max_frames=args.max_frames,
            inputs=not args.no_inputs,
        )
        taken = colliding(recording.topics, made)
        if not taken:
            return made
    raise BagError(f"the recording has {', '.join(taken)} already; give another --namespace, or --no-inputs")


def expected_frames(
    args: argparse.Namespace, recording: Recording, images: Collection[str], most: int = 0
) -> int | None:
    """How many frames there will be at most, for the progress bar; None where nothing tells.

    Args:
        args: the flags of `add_part_options`.
        recording: to be processed.
        images: topics that each frame takes an image of.
        most: how many are made at most; 0: no limit.
    """
    counts = [topic.count for topic in recording.topics if topic.name in images]
    if args.start or args.duration is not None or None in counts or not counts:
        return most or None
    expected: int = -(-min(count for count in counts if count is not None) // args.every)
    return min(expected, most) if most else expected


def _namespace(name: str) -> str:
    stripped = name.strip("/")
    return f"/{stripped}" if stripped else ""
