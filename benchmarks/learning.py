# SPDX-License-Identifier: Apache-2.0
"""How well recipes learn for the same processor time.

    python benchmarks/learning.py RECIPE.yaml [...] --out runs/learning --pairs runs/pairs --minutes 30 60 120

Each recipe is trained in one process on one thread, in the order given. When it has used one of the numbers
of processor minutes (painting and rendering included), its averaged weights are measured as
``benchmarks/accuracy.py`` does. The figures go to OUT/RECIPE/marks.jsonl. All of it can be interrupted and
goes on where it was.
"""

from __future__ import annotations

import argparse
import json
import os
import signal
import sys
import threading
import time
from pathlib import Path

import cv2
import torch
from accuracy import measure

from foundation_stereo_ros.train.config import TrainingConfig, read_settings
from foundation_stereo_ros.train.run_files import STATE_NAME
from foundation_stereo_ros.train.trainer import Trainer

_POLL = 2.0  # seconds


def learn(recipe: Path, out: Path, minutes: list[float], pairs: Path | None) -> None:
    """Train a recipe from mark to mark."""
    folder = out / recipe.stem
    folder.mkdir(parents=True, exist_ok=True)
    marks, book = folder / "marks.jsonl", folder / "processor.json"
    done = len(marks.read_text().splitlines()) if marks.is_file() else 0
    settings = {**read_settings(recipe), "validation_pairs": 0, "validate_on": None, "keep_best": ""}
    config = TrainingConfig.from_dict(settings)
    for mark in minutes[done:]:
        used = json.loads(book.read_text())["minutes"] if book.is_file() else 0.0
        begin = time.process_time()
        trainer = Trainer(config, folder, "cpu", resume=(folder / STATE_NAME).is_file())
        ended = threading.Event()

        def watch(limit: float = begin + 60 * (mark - used), ended: threading.Event = ended) -> None:
            while not ended.wait(_POLL):
                if time.process_time() >= limit:
                    os.kill(os.getpid(), signal.SIGINT)
                    return

        watcher = threading.Thread(target=watch, daemon=True)
        watcher.start()
        trainer.run(show_progress=False)
        ended.set()
        watcher.join()
        used += (time.process_time() - begin) / 60
        book.write_text(json.dumps({"minutes": used}))
        if used < mark - 0.1:
            sys.exit(f"interrupted after {used:.1f} minutes of {recipe.stem}; the same command goes on")
        line = {"minutes": round(used, 2), "steps": trainer.progress.step}
        line["crops"] = trainer.progress.step * config.batch
        with marks.open("a") as stream:
            stream.write(json.dumps({**line, **_rounded(measure(trainer.averaged, pairs))}) + "\n")
        print(recipe.stem, mark, line, flush=True)


def _rounded(values: dict[str, float]) -> dict[str, float]:
    return {name: float(f"{value:.4g}") for name, value in values.items()}


def table(out: Path, names: list[str]) -> str:
    """Return the marks of several recipes as a Markdown table of BP-2, per cent."""
    rows = []
    for name in names:
        for text in (out / name / "marks.jsonl").read_text().splitlines():
            mark = json.loads(text)
            sets = [key for key in mark if key.endswith("/bp2")]
            cells = [f"{mark[key]:.1f}" for key in sets]
            rows.append(f"| {name} | {mark['minutes']:.0f} | {mark['crops']} | {' | '.join(cells)} |")
    head = " | ".join(key.removesuffix("/bp2") for key in sets)
    line = "|---" * (3 + len(sets)) + "|"
    return "\n".join([f"| recipe | minutes | crops | {head} |", line, *rows])


if __name__ == "__main__":
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("recipes", nargs="+", type=Path)
    parser.add_argument("--out", type=Path, default=Path("runs/learning"))
    parser.add_argument("--pairs", type=Path)
    parser.add_argument("--minutes", type=float, nargs="+", default=[30.0, 60.0, 90.0, 120.0])
    parser.add_argument("--table", action="store_true", help="only print what has been measured")
    arguments = parser.parse_args()
    if not arguments.table:
        torch.set_num_threads(1)
        cv2.setNumThreads(1)
        for one in arguments.recipes:
            learn(one, arguments.out, arguments.minutes, arguments.pairs)
    print(table(arguments.out, [one.stem for one in arguments.recipes]))
