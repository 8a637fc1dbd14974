# SPDX-License-Identifier: Apache-2.0
"""The training runs, begun or gone on with, and their files handed over."""

from __future__ import annotations

import argparse
import contextlib
import signal
import sys
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from gpu_pieces.device import cores, has_no_device, is_cuda, shared_memory
from gpu_pieces.processes import ROOT, copy_whole, environment_for, pass_on, supervised, take_earlier

CUDA_BATCH = 16
"""Pairs in a training step on a CUDA device, which two would leave idle."""
CUDA_CLIPS = 8
"""The same of clips."""
STATE = "state.safetensors"
RUN_FILES = (STATE, "weights.safetensors", "log.jsonl")
LARGEST_FILE = 16 * 2**20
_AHEAD = 6  # batches that each worker may hold in shared memory


@dataclass(frozen=True)
class Run:
    """A training run.

    Attributes:
        config: its settings.
        folder: for its files.
        batch: samples in a step on a CUDA device.
        prefix: of its files' names where they are handed over.
        begin: a state to begin with where there is none; None: none.
    """

    config: Path
    folder: Path
    batch: int = CUDA_BATCH
    prefix: str = ""
    begin: Path | None = None


def train(args: argparse.Namespace) -> int:
    """Begin the long training run, or go on with it; leaves its state, weights and journal."""
    return _train(args, Run(args.config, args.state))


def train_video(args: argparse.Namespace) -> int:
    """Go on with the training run for posed video; leaves its state, weights and journal."""
    begin = ROOT / "config" / "video_run" / STATE
    return _train(args, Run(args.video_config, args.video_state, CUDA_CLIPS, "video_", begin))


def _train(args: argparse.Namespace, run: Run) -> int:
    if has_no_device(args.device):
        return 1
    run.folder.mkdir(parents=True, exist_ok=True)
    take_earlier(args, RUN_FILES, run.folder, run.prefix)
    if run.begin is not None and run.begin.is_file() and not (run.folder / STATE).exists():
        copy_whole(run.begin, run.folder / STATE)
    began = time.time()
    words = training_words(args, run)
    status = supervised(words, args.seconds, environment_for(args), pass_on, signal.SIGTERM)
    state = run.folder / STATE
    saved = state.is_file() and state.stat().st_mtime >= began
    print(f"training ended with status {status}; its state was {'saved' if saved else 'NOT saved'}")
    fit = [_hand_over(run.folder / name, args.out, f"{run.prefix}{name}") for name in RUN_FILES]
    with contextlib.suppress(OSError, IndexError):
        print((run.folder / "log.jsonl").read_text(encoding="utf-8").splitlines()[-1])
    return int(not (saved and all(fit)))


def training_words(args: argparse.Namespace, run: Run) -> list[str]:
    """Return the command, which ends before this piece's time limit."""
    margin = min(60.0, 0.4 * args.seconds)  # to load, to finish a validation, to save
    on_cuda = is_cuda(args.device)
    words = [sys.executable, "-m", "foundation_stereo_ros.cli.main", "train", "--quiet"]
    words += ["--config", str(run.config), "-o", str(run.folder), "--device", args.device]
    words += ["--workers", str(workers(on_cuda, run)), "--precision", "bf16" if on_cuda else "fp32"]
    words += ["--batch", str(run.batch)] if on_cuda else []
    words += ["--max-minutes", f"{(args.seconds - margin) / 60:.3f}"]
    return [*words, "--resume"] if (run.folder / STATE).is_file() else words


def workers(on_cuda: bool, run: Run) -> int:
    """Return how many processes make samples: one for each core, fewer where shared memory is scarce."""
    if not on_cuda:
        return int(cores() > 1)
    values: dict[str, Any] = {}
    with contextlib.suppress(ImportError, OSError):
        import yaml

        values = yaml.safe_load(run.config.read_text(encoding="utf-8")) or {}
    pixels = run.batch * values.get("height", 256) * values.get("width", 448)
    # bytes of a pixel: two colours and a float of a pair, a colour and a float of a view
    size = pixels * (7 * values["views"] if "views" in values else 10)
    possible = shared_memory() // (_AHEAD * size)
    if possible < cores():
        print(f"shared memory is enough for {possible} workers; expected one for each of {cores()} cores")
    return min(cores(), possible)


def _hand_over(file: Path, out: Path, name: str = "") -> bool:
    """Copy a file of the run, under another name if there is one; returns whether that went well."""
    if not file.is_file():
        print(f"there is no {file.name} to hand over")
        return False
    size = file.stat().st_size
    if size >= LARGEST_FILE:
        print(f"NOT handed over: {file} has {size / 2**20:.1f} MiB; expected less than {LARGEST_FILE >> 20}")
        return False
    copy_whole(file, out / (name or file.name))
    return True
