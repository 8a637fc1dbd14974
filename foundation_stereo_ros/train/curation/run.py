# SPDX-License-Identifier: Apache-2.0
"""Self-curation: a network scores the scenes that it trains on; those that nobody could solve are dropped.

After the paper's iterative self-curation: a scene may be ambiguous by chance (bare walls, repeated texture,
mirrors). What a trained network gets wrong on more than 60 % of the pixels is taken out, others are
generated in its place, and the network trains again; twice.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from contextlib import closing, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from foundation_stereo_ros.errors import ConfigError
from foundation_stereo_ros.scenes.seeds import checked_training_seed, training_seeds
from foundation_stereo_ros.train.curation.keep_list import KeepListWriter, Recipe, Score
from foundation_stereo_ros.train.curation.scoring import scores
from foundation_stereo_ros.train.stop_request import StopRequest

_PATIENCE = 10  # scores for each seed that shall be kept, before a network is taken for unable


@dataclass(frozen=True)
class Outcome:
    """How a call of `curate` ended.

    Attributes:
        scores: all of the list, those of earlier calls first.
        complete: there are as many as wanted.
        interrupted: somebody asked to stop.
    """

    scores: Sequence[Score]
    complete: bool
    interrupted: bool


def curate(
    path: Path,
    checkpoint: Path,
    recipe: Recipe,
    count: int,
    regenerate: bool = False,
    device: str = "cpu",
    workers: int = 0,
    show_progress: bool = True,
) -> Outcome:
    """Score seeds into a keep-list; one that is there already is gone on with.

    Args:
        path: of the list.
        checkpoint: weights of the network.
        recipe: how to score, and which seeds.
        count: scores that the list shall have.
        regenerate: let ``count`` be that of the kept seeds: take fresh ones in place of those dropped, up to
            ten times as many in all.
        device: where to render and estimate.
        workers: processes to score in; 0: this one.
        show_progress: draw a bar on stderr, where that is a terminal.

    Raises:
        CheckpointError: the weights cannot be used.
        ConfigError: the list was made in another way, or the seeds leave those for training.
        FileFormatError: the list cannot be read or written.
    """
    for number in (0, count - 1):  # before anything is written
        next(seed_order(recipe.seeds, number, number + 1))
    with KeepListWriter(path, recipe) as writer, StopRequest() as stop:
        done = sum(score.kept or not regenerate for score in writer.scores)
        kept = sum(score.kept for score in writer.scores)
        seeds = seed_order(recipe.seeds, len(writer.scores), _PATIENCE * count if regenerate else count)
        found = scores(seeds if done < count else (), checkpoint, recipe, device, workers)
        with _bar(count, done, show_progress) as bar, closing(found), _leaving_quietly(stop):
            for score in found:
                writer.append(score)
                done += score.kept or not regenerate
                kept += score.kept
                dropped = 100 * (1 - kept / len(writer.scores))
                bar.update(score.kept or not regenerate)
                bar.set_postfix_str(f"{dropped:.1f} % of {len(writer.scores)} dropped")
                if stop.asked or done >= count:
                    break
        return Outcome(writer.scores, done >= count, stop.asked)


@contextmanager
def _leaving_quietly(stop: StopRequest) -> Iterator[None]:
    """Take no offence at processes that died of the very signal that asked to stop."""
    try:
        yield
    except ConfigError:
        if not stop.asked:
            raise


def seed_order(seeds: str, first: int, stop: int) -> Iterator[int]:
    """Return seeds in the order of a list.

    Args:
        seeds: as `Recipe` has it.
        first: number of the first one, from 0.
        stop: number after the last one.

    Raises:
        ConfigError: no such order, or, while they are taken, one that is not for training.
    """
    found = re.fullmatch(r"(run|from) (-?\d+)", seeds)
    if found is None:
        raise ConfigError(f"order of seeds is {seeds!r}; expected 'run S' or 'from F'")
    kind, start = found[1], int(found[2])
    for number in range(first, stop):
        seed = training_seeds(start, number, 1)[0] if kind == "run" else start + number
        yield checked_training_seed(seed, f"seeds {seeds!r}")


def _bar(total: int, initial: int, show: bool) -> Any:
    from tqdm import tqdm

    return tqdm(total=total, initial=initial, unit="pair", disable=None if show else True, dynamic_ncols=True)
