# SPDX-License-Identifier: Apache-2.0
"""``foundation_stereo curate``: which generated scenes are worth training on, judged by a trained
network."""

from __future__ import annotations

import argparse
import math
import os
from pathlib import Path
from typing import TYPE_CHECKING

from foundation_stereo_ros.cli.options import add_limit_option, output
from foundation_stereo_ros.errors import ConfigError, counted

if TYPE_CHECKING:
    from foundation_stereo_ros.train.curation.keep_list import Recipe
    from foundation_stereo_ros.train.curation.run import Outcome

_INTERRUPTED = 130
_MOST_WORKERS = 8
_EPILOG = """\
A round of self-curation, of which the paper does two:

  foundation_stereo train  --config train.yaml -o runs/1
  foundation_stereo curate --config train.yaml --checkpoint runs/1/weights.safetensors --regenerate -o 1.jsonl
  foundation_stereo train  --config train.yaml --keep 1.jsonl -o runs/2

Run the same command again to continue where it stopped.

exit codes:
  0    the list is complete
  1    the list is not complete; one line says why
  2    wrong usage
  130  interrupted (Ctrl-C, SIGTERM); the list holds what was done so far
"""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the options; loads no torch."""
    parser.formatter_class = argparse.RawDescriptionHelpFormatter
    parser.epilog = _EPILOG
    add = parser.add_argument
    add(
        "--checkpoint",
        type=Path,
        required=True,
        metavar="WEIGHTS",
        help="of the network that scores scenes",
    )
    add(
        "-o",
        "--output",
        type=output,
        required=True,
        metavar="FILE",
        help="keep-list to create or to continue",
    )
    add("--config", type=Path, metavar="YAML", help="settings of the training run that the list is for")
    add("--seeds", type=_positive, default=1000, metavar="N", help="scenes to score (default: 1000)")
    add("--regenerate", action="store_true", help="replace dropped scenes by new seeds until N are kept")
    which = parser.add_mutually_exclusive_group()
    which.add_argument(
        "--run-seed",
        type=int,
        metavar="S",
        help="scenes of the training run with this seed (default: that of the config)",
    )
    which.add_argument(
        "--first-seed", type=_count, metavar="F", help="scenes with the seeds F, F + 1, ... instead"
    )
    add(
        "--threshold",
        type=_percent,
        default=60.0,
        metavar="X",
        help="drop scenes with more than X %% of the pixels off by more than 2 (default: 60)",
    )
    add("--workers", type=_count, metavar="N", help="processes; 0: only this one (default: one per core,"
        f" up to {_MOST_WORKERS}; with CUDA 4)")  # fmt: skip
    add("--device", default="auto", help="cpu, cuda, cuda:1 ...; auto: cuda if there is one")
    add("--pictures", type=_count, default=0, metavar="N", help="show the N worst dropped scenes in FILE.png")
    add("--quiet", action="store_true", help="no progress bar")
    add_limit_option(parser)


def run(args: argparse.Namespace) -> int:
    """Score, tell, show; 0 when complete, 130 after Ctrl-C."""
    import torch

    from foundation_stereo_ros.train.curation.run import curate
    from foundation_stereo_ros.train.curation.summary import summary

    device = args.device
    if device == "auto":
        device = "cuda" if torch.cuda.is_available() else "cpu"
    recipe = _recipe(args)
    outcome = curate(
        args.output,
        args.checkpoint,
        recipe,
        args.seeds,
        args.regenerate,
        device,
        _workers(device) if args.workers is None else args.workers,
        show_progress=not args.quiet,
    )
    print(summary(outcome.scores, recipe.threshold))
    if outcome.interrupted and not outcome.complete:
        print(f"interrupted; run the same command again to continue {args.output}")
        return _INTERRUPTED
    if args.pictures:
        _show(args, recipe, outcome, device)
    if not outcome.complete:
        kept = sum(score.kept for score in outcome.scores)
        raise ConfigError(
            f"{args.checkpoint} solves only {kept} of {counted(len(outcome.scores), 'scene')}, --seeds is "
            f"{args.seeds}; expected a network that is better trained"
        )
    print(f"next: foundation_stereo train --keep {args.output} ...")
    return 0


def _recipe(args: argparse.Namespace) -> Recipe:
    from foundation_stereo_ros.train.config import TrainingConfig, read_settings
    from foundation_stereo_ros.train.curation.keep_list import Recipe
    from foundation_stereo_ros.train.curation.scoring import checkpoint_digest
    from foundation_stereo_ros.train.feed.ray_cast import rendered_size
    from foundation_stereo_ros.weights import load_checkpoint

    config = TrainingConfig.from_dict({} if args.config is None else read_settings(args.config))
    network = load_checkpoint(args.checkpoint).config  # all of it: a damaged file ends here
    height, width = rendered_size(config)
    run_seed = config.seed if args.run_seed is None else args.run_seed
    return Recipe(
        scenes=config.scenes,
        height=height,
        width=width,
        seeds=f"run {run_seed}" if args.first_seed is None else f"from {args.first_seed}",
        checkpoint=checkpoint_digest(args.checkpoint),
        iterations=config.iterations or network.iterations,
        threshold=args.threshold,
    )


def _show(args: argparse.Namespace, recipe: Recipe, outcome: Outcome, device: str) -> None:
    from foundation_stereo_ros.cli.curate_pictures import write_worst
    from foundation_stereo_ros.train.curation.scoring import Scorer

    place = args.output.with_suffix(".png")
    shown = write_worst(place, outcome.scores, args.pictures, Scorer(args.checkpoint, recipe, device))
    found = f"pictures of the {shown} worst dropped scenes: {place}"
    print(found if shown else "no pictures: nothing was dropped")


def _workers(device: str) -> int:
    cores = len(os.sched_getaffinity(0))
    return 4 if device.startswith("cuda") else min(cores, _MOST_WORKERS)


def _count(text: str) -> int:
    if not text.isdecimal():
        raise argparse.ArgumentTypeError(f"{text!r}; expected a whole number, 0 or more")
    return int(text)


def _positive(text: str) -> int:
    if not text.isdecimal() or int(text) < 1:
        raise argparse.ArgumentTypeError(f"{text!r}; expected a whole number, 1 or more")
    return int(text)


def _percent(text: str) -> float:
    try:
        value = float(text)
    except ValueError:
        value = math.nan
    if not 0 <= value <= 100:
        raise argparse.ArgumentTypeError(f"{text!r}; expected a number from 0 to 100")
    return value
