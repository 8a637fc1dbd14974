# SPDX-License-Identifier: Apache-2.0
"""Everything that a machine with a CUDA device is wanted for, in pieces that each end within a time limit.

``python benchmarks/gpu.py check``, ``tests``, ``benchmark``, ``train``, ``video``, ``train-video``,
or ``all`` in this order. Any Python with torch will do: the package need not be installed, and nothing is.
docs/gpu.md tells what each piece needs, what it leaves behind, and what to do with it.
"""

from __future__ import annotations

import argparse
import os
import re
import signal
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from gpu_pieces.benchmark import ROWS, VIDEO_ROWS, benchmark, rows
from gpu_pieces.check import check, tests
from gpu_pieces.processes import ROOT, environment_for, words_for
from gpu_pieces.rows import FORMS, PRECISIONS, PRESETS, SIZES, VIDEOS
from gpu_pieces.train import train, train_video

PIECES = ("check", "tests", "benchmark", "train", "video", "train-video")
_ROW_S = 180  # compiling may take forever


def main(argv: Sequence[str] | None = None) -> int:
    """Run a piece; returns 0 if it did what it is for, otherwise 1."""
    args = arguments(argv)
    args.out.mkdir(parents=True, exist_ok=True)
    if str(ROOT) not in sys.path:
        sys.path.insert(0, str(ROOT))
    signal.signal(signal.SIGTERM, _interrupt)
    run = {"check": check, "tests": tests, "benchmark": benchmark, "train": train, "all": every, ROWS: rows}
    run |= {"video": benchmark, "train-video": train_video, VIDEO_ROWS: rows}
    return run[args.piece](args)


def arguments(argv: Sequence[str] | None = None) -> argparse.Namespace:
    """Read the command line."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    add, env = parser.add_argument, os.environ.get
    add("piece", choices=(*PIECES, "all", ROWS, VIDEO_ROWS), metavar="|".join((*PIECES, "all")))
    add("--out", type=_absolute, default=env("OUT") or "gpu_output", help="folder for the results (OUT)")
    add("--device", default=env("DEVICE") or "cuda", help="cuda, cuda:1 or, to try it, cpu (DEVICE)")
    add("--seconds", type=float, default=540.0, help="time limit of each piece (540)")
    add("--state", type=_absolute, default=ROOT / "runs/long", help="folder of the training run (runs/long)")
    video = ROOT / "runs/video"
    add("--video-state", type=_absolute, default=video, help="folder of that for posed video (runs/video)")
    add(
        "--earlier",
        type=_absolute,
        default=env("EARLIER"),
        help="folder with what an earlier call left in --out (EARLIER)",
    )
    settings = ROOT / "config" / "train_long.yaml"
    add(
        "--config",
        type=_absolute,
        default=settings,
        help="settings of the training run (config/train_long.yaml)",
    )
    video = ROOT / "config" / "train_video.yaml"
    add("--video-config", type=_absolute, default=video, help="the same for video (config/train_video.yaml)")
    add("--select", metavar="EXPRESSION", help="only tests whose names match, as with pytest -k")
    add("--presets", nargs="+", default=PRESETS, help="networks to measure")
    add("--videos", nargs="+", default=VIDEOS, help="networks for posed video to measure")
    add("--sizes", nargs="+", type=_size, default=SIZES, metavar="HxW", help="pictures to measure with")
    add("--precisions", nargs="+", default=PRECISIONS, help="arithmetics to measure in")
    add("--forms", nargs="+", default=FORMS, choices=FORMS, help="compiled networks, or not, or both")
    add("--repeats", type=int, default=20, help="timed runs of each row (20)")
    add("--row-seconds", type=float, help="time limit of each row (180, or 0.4 of --seconds)")
    args = parser.parse_args(argv)
    args.row_seconds = args.row_seconds or min(_ROW_S, 0.4 * args.seconds)
    return args


def every(args: argparse.Namespace) -> int:
    """Run all pieces, each in a process of its own, whatever becomes of the others."""
    status = {}
    for piece in PIECES:
        print(f"== {piece}", flush=True)
        words = words_for(args, piece)
        process = subprocess.Popen(words, cwd=ROOT, env=environment_for(args), start_new_session=True)
        try:
            status[piece] = process.wait()
        except KeyboardInterrupt:
            process.send_signal(signal.SIGTERM)
            process.wait()
            raise
    for piece, found in status.items():
        print(f"{piece}: {'done' if found == 0 else f'failed, status {found}'}")
    print(f"results: {args.out}")
    return int(any(status.values()))


def _size(text: str) -> str:
    if not re.fullmatch(r"[1-9]\d*x[1-9]\d*", text):
        raise argparse.ArgumentTypeError(f"{text!r} is no size; expected rows x columns, as 480x640")
    return text


def _absolute(text: str) -> Path:
    return Path(text).resolve()


def _interrupt(number: int, frame: Any) -> None:
    raise KeyboardInterrupt


if __name__ == "__main__":
    try:
        sys.exit(main())
    except KeyboardInterrupt:
        sys.exit(130)
