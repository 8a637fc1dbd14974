# SPDX-License-Identifier: Apache-2.0
"""The long training run, begun or gone on with, and its files handed over."""

from __future__ import annotations

import argparse
import contextlib
import signal
import sys
import time
from pathlib import Path
from typing import Any

from gpu_pieces.device import cores, has_no_device, is_cuda, shared_memory
from gpu_pieces.processes import copy_whole, environment_for, pass_on, supervised, take_earlier

CUDA_BATCH = 16
"""Pairs in a training step on a CUDA device, which two would leave idle."""
STATE = "state.safetensors"
RUN_FILES = (STATE, "weights.safetensors", "log.jsonl")
LARGEST_FILE = 16 * 2**20
_AHEAD = 6  # batches that each worker may hold in shared memory


def train(args: argparse.Namespace) -> int:
    """Begin the long training run, or go on with it; leaves its state, weights and journal."""
    if has_no_device(args.device):
        return 1
    args.state.mkdir(parents=True, exist_ok=True)
    take_earlier(args, RUN_FILES, args.state)
    began = time.time()
    status = supervised(training_words(args), args.seconds, environment_for(args), pass_on, signal.SIGTERM)
    state = args.state / STATE
    saved = state.is_file() and state.stat().st_mtime >= began
    print(f"training ended with status {status}; its state was {'saved' if saved else 'NOT saved'}")
    fit = [_hand_over(args.state / name, args.out) for name in RUN_FILES]
    with contextlib.suppress(OSError, IndexError):
        print((args.state / "log.jsonl").read_text(encoding="utf-8").splitlines()[-1])
    return int(not (saved and all(fit)))


def training_words(args: argparse.Namespace) -> list[str]:
    """Return the command, which ends before this piece's time limit."""
    margin = min(60.0, 0.4 * args.seconds)  # to load, to finish a validation, to save
    on_cuda = is_cuda(args.device)
    words = [sys.executable, "-m", "foundation_stereo_ros.cli.main", "train", "--quiet"]
    words += ["--config", str(args.config), "-o", str(args.state), "--device", args.device]
    words += ["--workers", str(workers(on_cuda, args.config)), "--precision", "bf16" if on_cuda else "fp32"]
    words += ["--batch", str(CUDA_BATCH)] if on_cuda else []
    words += ["--max-minutes", f"{(args.seconds - margin) / 60:.3f}"]
    return [*words, "--resume"] if (args.state / STATE).is_file() else words


def workers(on_cuda: bool, config: Path) -> int:
    """Return how many processes make pairs: one for each core, fewer where shared memory is scarce."""
    if not on_cuda:
        return int(cores() > 1)
    values: dict[str, Any] = {}
    with contextlib.suppress(ImportError, OSError):
        import yaml

        values = yaml.safe_load(config.read_text(encoding="utf-8")) or {}
    pixels = CUDA_BATCH * values.get("height", 256) * values.get("width", 448)
    possible = shared_memory() // (_AHEAD * 10 * pixels)  # bytes of a pixel: two colours and a float
    if possible < cores():
        print(f"shared memory is enough for {possible} workers; expected one for each of {cores()} cores")
    return min(cores(), possible)


def _hand_over(file: Path, out: Path) -> bool:
    """Copy a file of the run; returns whether that went well."""
    if not file.is_file():
        print(f"there is no {file.name} to hand over")
        return False
    size = file.stat().st_size
    if size >= LARGEST_FILE:
        print(f"NOT handed over: {file} has {size / 2**20:.1f} MiB; expected less than {LARGEST_FILE >> 20}")
        return False
    copy_whole(file, out / file.name)
    return True
