# SPDX-License-Identifier: Apache-2.0
"""What self-curation is worth: the same training run on fresh scenes, on a fixed set, and on a curated set of
that size, for equally long each; then their errors on scenes held back from all.

Run: ``python benchmarks/curation.py -o runs/curation --config config/train.yaml --minutes 30``. Without
``--checkpoint`` the first run on fresh scenes judges which scenes are kept. The same command again goes on
where it stopped. Chance alone makes runs differ, so compare the difference with the spread over
``--repeats``.
"""

from __future__ import annotations

import argparse
import dataclasses
from collections.abc import Sequence
from itertools import islice
from pathlib import Path

import numpy as np
import yaml

from foundation_stereo_ros.cli.main import main as command
from foundation_stereo_ros.scenes.seeds import VALIDATION
from foundation_stereo_ros.train.curation.keep_list import KeepListWriter, Recipe, Score, read_keep_list
from foundation_stereo_ros.train.curation.scoring import checkpoint_digest, scores

FRESH, FIXED, CURATED = "fresh", "fixed", "curated"


def main() -> None:
    """Train, curate, train, compare."""
    args = _arguments()
    first = _train(args, FRESH, 0, [])
    judge: Path = args.checkpoint or first
    curated, fixed = args.out / "curated.jsonl", args.out / "fixed.jsonl"
    _curate(args, judge, curated)
    recipe = _keep_all(curated, fixed, args.scenes)
    solvable = [score.kept for score in _held_back(args, recipe, judge)]
    found: dict[str, list[list[Score]]] = {FRESH: [], FIXED: [], CURATED: []}
    for repeat in range(args.repeats):
        for arm, words in ((FRESH, []), (FIXED, ["--keep", str(fixed)]), (CURATED, ["--keep", str(curated)])):
            weights = _train(args, arm, repeat, words)
            found[arm].append(_held_back(args, recipe, weights))
    _tell(found, solvable)


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("-o", "--out", type=Path, required=True, help="folder for runs and lists")
    parser.add_argument("--config", type=Path, required=True, help="settings of the runs")
    length = parser.add_mutually_exclusive_group(required=True)
    length.add_argument("--minutes", type=float, help="of training, for each run")
    length.add_argument("--steps", type=int, help="instead, where other work shares the machine")
    parser.add_argument("--checkpoint", type=Path, help="weights that judge scenes")
    parser.add_argument("--scenes", type=int, default=1000, help="in the fixed and in the curated set")
    parser.add_argument("--threshold", type=float, default=60.0, help="BP-2 above which scenes are dropped")
    parser.add_argument("--pairs", type=int, default=100, help="held-back pairs to compare on")
    parser.add_argument("--repeats", type=int, default=2, help="runs of each kind, with other seeds")
    parser.add_argument("--workers", type=int, default=2, help="processes that score")
    parser.add_argument("--device", default="cpu")
    return parser.parse_args()


def _train(args: argparse.Namespace, arm: str, repeat: int, words: Sequence[str]) -> Path:
    folder: Path = args.out / f"{arm}{repeat}"
    seed = int((yaml.safe_load(args.config.read_text()) or {}).get("seed", 0))
    run = ["train", "-o", str(folder), "--config", str(args.config), "--device", args.device, *words]
    run += ["--minutes", "0", "--steps", str(args.steps)] if args.steps else ["--minutes", str(args.minutes)]
    run += ["--seed", str(seed + 1000 * repeat)]
    _call([*run, *(["--resume"] if (folder / "state.safetensors").exists() else [])])
    return folder / "weights.safetensors"


def _curate(args: argparse.Namespace, judge: Path, keep_list: Path) -> None:
    words = ["curate", "--checkpoint", str(judge), "--config", str(args.config), "-o", str(keep_list)]
    words += ["--regenerate", "--seeds", str(args.scenes), "--threshold", str(args.threshold)]
    _call([*words, "--workers", str(args.workers), "--device", args.device])


def _call(words: Sequence[str]) -> None:
    code = command(words)
    if code:
        raise SystemExit(code)


def _keep_all(curated: Path, fixed: Path, count: int) -> Recipe:
    """Write the list of as many scenes, as they come; return how the curated ones were scored."""
    found = read_keep_list(curated)
    if found.recipe is None:
        raise SystemExit(f"{curated} is empty")
    with KeepListWriter(fixed, dataclasses.replace(found.recipe, threshold=100.0)) as writer:
        for score in found.scores[len(writer.scores) : count]:
            writer.append(dataclasses.replace(score, kept=True))
    return found.recipe


def _held_back(args: argparse.Namespace, recipe: Recipe, weights: Path) -> list[Score]:
    seeds = range(VALIDATION, VALIDATION + args.pairs)
    judged = dataclasses.replace(recipe, checkpoint=checkpoint_digest(weights))
    return list(islice(scores(seeds, weights, judged, args.device, args.workers), args.pairs))


def _tell(found: dict[str, list[list[Score]]], solvable: Sequence[bool]) -> None:
    groups = {"all held-back pairs": [True] * len(solvable), "those that the judge solves": solvable}
    for name, chosen in groups.items():
        print(f"\n{name}: {sum(chosen)}\n{'':>10} {'EPE px':>16} {'BP-2 %':>16}   (mean, spread of the runs)")
        for arm, runs in found.items():
            epe, bp2 = [], []
            for run in runs:
                counted = [s for s, wanted in zip(run, chosen, strict=True) if wanted and s.bp2 is not None]
                epe.append(float(np.mean([score.epe or 0.0 for score in counted])))
                bp2.append(float(np.mean([score.bp2 or 0.0 for score in counted])))
            print(f"{arm:>10} {_figure(epe):>16} {_figure(bp2):>16}")


def _figure(values: Sequence[float]) -> str:
    spread = f" +- {np.std(values, ddof=1):.3f}" if len(values) > 1 else ""
    return f"{np.mean(values):.3f}{spread}"


if __name__ == "__main__":
    main()
