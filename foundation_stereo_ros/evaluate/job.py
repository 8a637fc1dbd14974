# SPDX-License-Identifier: Apache-2.0
"""The loop of an evaluation: one image after the other through every method."""

from __future__ import annotations

import logging
import math
import re
import resource
import sys
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

import torch

from foundation_stereo_ros.datasets.dataset import StereoItem, StereoSample
from foundation_stereo_ros.errors import FoundationStereoError
from foundation_stereo_ros.evaluate.methods import Method
from foundation_stereo_ros.evaluate.metrics import (
    ImageScore,
    MethodScore,
    compared,
    errors_of,
)
from foundation_stereo_ros.shapes import ShiftMap

_log = logging.getLogger(__name__)

_PROCESS = Path("/proc/self")
_PEAK_KIB = re.compile(r"^VmHWM:\s+(\d+) kB", re.MULTILINE)


class Failure(NamedTuple):
    """An image that has no score, and why."""

    name: str
    reason: str


class Evaluated(NamedTuple):
    """One image, what the methods say of it (name -> H x W, pixels), and how wrong they are."""

    sample: StereoSample
    estimates: Mapping[str, ShiftMap]
    score: ImageScore


class EvaluationJob:
    """Collects scores; an image that fails is noted and left out.

    Args:
        methods: each sees every image, so that their means are over the same ones.
        max_disparity: truth from here on is not compared, pixels.
        warm: run each image once untimed, then measure time and memory.

    Attributes:
        results, failed: so far.
        interrupted: set by whoever breaks the loop.
    """

    def __init__(self, methods: Sequence[Method], max_disparity: float, *, warm: bool = False) -> None:
        self.methods = methods
        self.max_disparity = max_disparity
        self.warm = warm
        self.results: list[ImageScore] = []
        self.failed: list[Failure] = []
        self.interrupted = False

    def evaluate(self, item: StereoItem) -> Evaluated | None:
        """Read one image and run all methods on it; None where that failed."""
        try:
            done = self._evaluate(item)
        except FoundationStereoError as error:
            self.failed.append(Failure(item.name, str(error)))
            return None
        except Exception as error:  # after hours of work, one image must not take the others along
            _log.exception("%s failed", item.name)
            self.failed.append(Failure(item.name, f"{type(error).__name__}: {error}"))
            return None
        self.results.append(done.score)
        return done

    def _evaluate(self, item: StereoItem) -> Evaluated:
        sample = item.load()
        regions = compared(sample, self.max_disparity)
        estimates, scores = {}, {}
        for method in self.methods:
            estimate, seconds, peak = self._run(method, sample)
            estimates[method.name] = estimate
            scores[method.name] = MethodScore(errors_of(estimate, sample.disparity, regions), seconds, peak)
        height, width = sample.disparity.shape
        pixels = {region: int(mask.sum()) for region, mask in regions.items()}
        return Evaluated(sample, estimates, ImageScore(item.name, width, height, item.weight, pixels, scores))

    def _run(self, method: Method, sample: StereoSample) -> tuple[ShiftMap, float, int]:
        if not self.warm:
            return method(sample), math.nan, 0
        method(sample)
        memory = PeakMemory(method.device)
        memory.start()
        begin = time.perf_counter()
        # The estimate lies in main memory: a GPU has finished when it comes.
        estimate = method(sample)
        return estimate, time.perf_counter() - begin, memory.read()


class PeakMemory:
    """Peak since `start`: of the tensors on a CUDA device; on the CPU of the whole process with all its
    libraries, and where the system cannot forget an older peak, since the process began."""

    def __init__(self, device: torch.device) -> None:
        self._device = device

    def start(self) -> None:
        """Forget what was before."""
        if self._device.type == "cuda":
            torch.cuda.reset_peak_memory_stats(self._device)
            return
        try:
            (_PROCESS / "clear_refs").write_text("5", encoding="ascii")  # resets VmHWM: see proc(5)
        except OSError:
            return

    def read(self) -> int:
        """Return the bytes."""
        if self._device.type == "cuda":
            return int(torch.cuda.max_memory_allocated(self._device))
        try:
            found = _PEAK_KIB.search((_PROCESS / "status").read_text(encoding="ascii"))
        except OSError:
            found = None
        if found:
            return int(found[1]) * 1024
        peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
        return peak if sys.platform == "darwin" else peak * 1024
