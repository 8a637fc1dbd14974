# SPDX-License-Identifier: Apache-2.0
"""A command that ends in time, its words and its environment; files from one folder to another."""

from __future__ import annotations

import argparse
import contextlib
import os
import shutil
import signal
import subprocess
import sys
import threading
from collections.abc import Callable, Sequence
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
SCRIPT = ROOT / "benchmarks" / "gpu.py"


def supervised(
    words: Sequence[str],
    seconds: float,
    environment: dict[str, str],
    take: Callable[[str], None],
    ask: signal.Signals = signal.SIGINT,
) -> int | None:
    """Run a command, ask it to end shortly before its time is up, and then end it with all that it started.

    Args:
        words: of the command.
        seconds: until it has ended in any case.
        environment: of the command.
        take: gets each line that it writes.
        ask: the signal by which it is asked.

    Returns:
        Its exit status; None where it had to be asked.
    """
    process = subprocess.Popen(
        words,
        cwd=ROOT,
        env=environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        errors="replace",
        start_new_session=True,
    )
    reader = threading.Thread(target=lambda: [take(line) for line in process.stdout or ()], daemon=True)
    reader.start()
    grace, in_time = grace_of(seconds), True
    try:
        process.wait(seconds - grace)
    except (subprocess.TimeoutExpired, KeyboardInterrupt) as why:
        in_time = False
        process.send_signal(ask)
        with contextlib.suppress(subprocess.TimeoutExpired):
            process.wait(grace)
        if isinstance(why, KeyboardInterrupt):
            raise
    finally:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
        process.wait()
        reader.join(5)
    return process.returncode if in_time else None


def grace_of(seconds: float) -> float:
    """Return how many of the seconds that a command has are for its end."""
    return min(30.0, 0.2 * seconds)


def words_for(args: argparse.Namespace, piece: str, seconds: float | None = None) -> list[str]:
    """Return the command of a piece, with the same options."""
    words = [sys.executable, str(SCRIPT), piece]
    names = (
        "out",
        "device",
        "state",
        "video_state",
        "earlier",
        "config",
        "video_config",
        "select",
        "repeats",
    )
    for name in (*names, "row_seconds"):
        if getattr(args, name) is not None:
            words += [f"--{name.replace('_', '-')}", str(getattr(args, name))]
    for name in ("presets", "videos", "sizes", "precisions", "forms"):
        words += [f"--{name}", *getattr(args, name)]
    return [*words, "--seconds", str(seconds or args.seconds)]


def environment_for(args: argparse.Namespace) -> dict[str, str]:
    """Return this process's environment, in which the package is found and the device is named."""
    paths = [str(ROOT), *filter(None, os.environ.get("PYTHONPATH", "").split(os.pathsep))]
    changes = {"PYTHONPATH": os.pathsep.join(paths), "PYTHONUNBUFFERED": "1", "DEVICE": args.device}
    return {**os.environ, **changes}


def take_earlier(args: argparse.Namespace, names: Sequence[str], folder: Path, prefix: str = "") -> None:
    """Copy what an earlier call left, under names with a prefix, unless the folder has its own."""
    if args.earlier is None or (folder / names[0]).exists():
        return
    for name in names:
        if (args.earlier / f"{prefix}{name}").is_file():
            copy_whole(args.earlier / f"{prefix}{name}", folder / name)
            print(f"taken from {args.earlier}: {prefix}{name}")


def copy_whole(source: Path, target: Path) -> None:
    """Copy a file; an older one stays until the new one is whole."""
    partial = target.with_name(f"{target.name}.partial")
    shutil.copyfile(source, partial)
    partial.replace(target)


def pass_on(line: str) -> None:
    """Print a line as it comes."""
    sys.stdout.write(line)
    sys.stdout.flush()
