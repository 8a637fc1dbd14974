# SPDX-License-Identifier: Apache-2.0
"""How well a network does on the scenes of seeds, one by one or in several processes, in the seeds' order."""

from __future__ import annotations

import functools
import hashlib
import math
import multiprocessing
import os
import signal
import threading
from collections import deque
from collections.abc import Generator, Iterable, Iterator
from concurrent.futures import Future, ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from itertools import islice
from multiprocessing.synchronize import Event
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from foundation_stereo_ros.errors import ConfigError
from foundation_stereo_ros.evaluate.metrics import error_metrics
from foundation_stereo_ros.scenes.raycast.config import SceneConfig
from foundation_stereo_ros.scenes.raycast.generator import SceneGenerator, StereoBatch, composition
from foundation_stereo_ros.scenes.seeds import Ingredient, ingredient
from foundation_stereo_ros.train.curation.keep_list import Recipe, Score
from foundation_stereo_ros.train.stop_request import blocked
from foundation_stereo_ros.weights import load_checkpoint

# trait, which is also the name of its chance -> the stream that decides about it, its number, and the
# place of the decision in it
_DECISIONS = {
    "fog": (Ingredient.FOG, 0, 0),
    "dots": (Ingredient.DOTS, 0, 0),
    "mirror": (Ingredient.MIRRORS, 0, 0),
    "pane": (Ingredient.PANES, 0, 0),
    "wire": (Ingredient.WIRES, 0, 0),
    "regular": (Ingredient.TEXTURE, 0, 0),
    "bare": (Ingredient.TEXTURE, 0, 1),
}
_FLAWS = {
    "defocus": (Ingredient.FOCUS, 1, 0),
    "motion": (Ingredient.MOTION, 1, 0),
    "dark": (Ingredient.DARK, 1, 0),
    "jpeg": (Ingredient.JPEG, 1, 0),
    "misalignment": (Ingredient.ROWS, 1, 0),
}
TRAITS = (*_DECISIONS, *_FLAWS)
"""All that a scene may have. Each is a chance of `SceneConfig`, there with ``_chance`` behind its name."""
_DIGITS = 4
_AHEAD = 3  # seeds given out for each process, so that one slow scene keeps none of them waiting
_stop: Event | None = None  # of a worker process, as is the next
_parts: tuple[Any, ...] = ()


def traits(config: SceneConfig, seed: int) -> tuple[str, ...]:
    """Return which of `TRAITS` a scene has. Wires, panes and mirrors may still have found no place in it."""
    possible = {**_DECISIONS, **_FLAWS} if config.flaws > 0 else _DECISIONS
    return tuple(
        name
        for name, (kind, draw, place) in possible.items()
        if ingredient(seed, kind, draw).random(place + 1)[place] < getattr(config, f"{name}_chance")
    )


class Scorer:
    """Renders scenes, estimates them and compares.

    Args:
        checkpoint: weights of the network.
        recipe: what seeds mean, size, refinements, and how much error is too much.
        device: where to render and estimate.

    Raises:
        CheckpointError: the weights cannot be used.
    """

    def __init__(self, checkpoint: Path, recipe: Recipe, device: torch.device | str) -> None:
        self.recipe = recipe
        self._network = load_checkpoint(checkpoint, device)
        self._generator = SceneGenerator(recipe.scenes, device, float(self._network.config.max_disp))

    def score(self, seed: int) -> Score:
        """Return the errors of a seed, and whether to keep it."""
        batch, estimate = self.look(seed)
        errors = error_metrics(estimate, batch.disparity, batch.valid)
        bp2, epe = _plain(errors["bp2"]), _plain(errors["epe"])
        # without a single valid pixel there is nothing to learn
        kept = bp2 is not None and bp2 <= self.recipe.threshold
        scenes = self.recipe.scenes
        return Score(seed, bp2, epe, kept, composition(scenes, seed), traits(scenes, seed))

    @torch.no_grad()
    def look(self, seed: int) -> tuple[StereoBatch, Tensor]:
        """Return the pair of a seed (a batch of one), and its estimate, 1 x 1 x H x W, pixels."""
        r = self.recipe
        batch = self._generator.generate([seed], 1, r.height, r.width, occlusion=False)
        return batch, self._network(batch.left, batch.right, iterations=r.iterations).float()


def checkpoint_digest(path: Path) -> str:
    """Return the SHA-256 of a weights file, or of those in a folder; hexadecimal."""
    digest = hashlib.sha256()
    for file in [path] if path.is_file() else sorted(path.glob("*.pth")):
        with file.open("rb") as stream:
            while block := stream.read(1 << 20):
                digest.update(block)
    return digest.hexdigest()


def _plain(figure: Tensor) -> float | None:
    value = float(figure)
    return round(value, _DIGITS) if math.isfinite(value) else None


def scores(
    seeds: Iterable[int], checkpoint: Path, recipe: Recipe, device: str, workers: int
) -> Generator[Score, None, None]:
    """Score seeds, in their order; close the iterator to stop early.

    Args:
        seeds: as many as wanted, also without end.
        checkpoint, recipe, device: as `Scorer` has them.
        workers: processes, each with one thread and a network of its own; 0: this one.

    Raises:
        CheckpointError: the weights cannot be used.
        ConfigError: a process died.
    """
    if workers == 0:
        scorer = Scorer(checkpoint, recipe, device)
        yield from map(scorer.score, seeds)
        return
    context = multiprocessing.get_context("spawn")  # forking after CUDA started is not allowed
    stop = context.Event()
    parts = (stop, checkpoint, recipe, device)
    pool = ProcessPoolExecutor(workers, mp_context=context, initializer=_start, initargs=parts)
    waiting: deque[Future[Score | None]] = deque()
    ahead = iter(seeds)
    try:
        _submit(pool, waiting, islice(ahead, _AHEAD * workers))
        while waiting:
            score = waiting.popleft().result()
            if score is not None:
                yield score
            _submit(pool, waiting, islice(ahead, 1))
    except BrokenProcessPool:
        raise ConfigError(
            f"one of {workers} scoring processes died, most likely for lack of memory; expected fewer workers"
        ) from None
    finally:
        stop.set()  # for what the processes have been handed already
        pool.shutdown(wait=True, cancel_futures=True)


def _submit(pool: ProcessPoolExecutor, waiting: deque[Future[Score | None]], seeds: Iterator[int]) -> None:
    with blocked(signal.SIGINT):  # processes start here; Ctrl-C reaches this one alone
        waiting.extend(pool.submit(_score, seed) for seed in seeds)


def _start(stop: Event, *parts: Any) -> None:
    global _stop, _parts
    _stop, _parts = stop, parts
    threading.Thread(target=_end_with_parent, daemon=True).start()
    torch.set_num_threads(1)


def _end_with_parent() -> None:
    """Leave no process behind when the one that started it is killed."""
    parent = multiprocessing.parent_process()
    if parent is not None:
        parent.join()
        os._exit(1)


def _score(seed: int) -> Score | None:
    if _stop is None or _stop.is_set():
        return None
    return _scorer(*_parts).score(seed)


@functools.cache
def _scorer(checkpoint: Path, recipe: Recipe, device: str) -> Scorer:
    # at the first scene, not while the process starts: errors find their way out from here alone
    return Scorer(checkpoint, recipe, device)
