# SPDX-License-Identifier: Apache-2.0
"""An evaluation as text for the terminal, and as data with all that is needed to compare or repeat it."""

from __future__ import annotations

import math
import platform
from collections.abc import Collection, Iterator
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import torch

from foundation_stereo_ros import __version__
from foundation_stereo_ros.bench.machine import processor
from foundation_stereo_ros.datasets.dataset import Averaging, StereoDataset
from foundation_stereo_ros.errors import counted
from foundation_stereo_ros.estimate.stereo.estimator import StereoEstimator
from foundation_stereo_ros.evaluate.job import EvaluationJob
from foundation_stereo_ros.evaluate.metrics import (
    NAMES,
    REGIONS,
    Errors,
    ImageScore,
    MethodScore,
    leaderboard_average,
    mean_seconds,
    peak_bytes,
)
from foundation_stereo_ros.weights.checkpoint import weights_sha256
from foundation_stereo_ros.weights.shipped import find_checkpoint

CUSTOMARY: dict[Averaging, str] = {
    "images": "mean of images",
    "pixels": "mean of all pixels",
    "weights": "mean by benchmark's weights",
}
"""What each way of averaging is called."""

HEADINGS = {"epe": "EPE", "bp1": "BP-1", "bp2": "BP-2", "bp3": "BP-3", "d1": "D1"}
"""What each figure is called."""

_REGIONS = {"all": "all pixels", "noc": "seen by both cameras"}
_WIDTH = 7


def averagings(dataset: StereoDataset) -> tuple[Averaging, ...]:
    """Return the plain mean of images and, where it is another one, that of the dataset's leaderboard."""
    return ("images",) if dataset.averaging == "images" else ("images", dataset.averaging)


def table(job: EvaluationJob, dataset: StereoDataset) -> str:
    """Return one line for each image and method, and their means."""
    regions = [name for name in REGIONS if any(name in image.pixels for image in job.results)]
    rows = list(_rows(job, dataset))
    name_width = max(len(row[0]) for row in rows) + 2
    method_width = max(len(row[1]) for row in rows) + 1
    margin = " " * (name_width + method_width)
    group = _WIDTH * len(NAMES)
    lines = [
        f"{dataset.title}: {_count(len(job.results))}; EPE in pixels, the others in per cent of pixels",
        (margin + "".join(f"{_REGIONS[region]:>{group}}" for region in regions)).rstrip(),
        f"{'image':<{name_width}}{'':<{method_width}}"
        + "".join(f"{HEADINGS[name]:>{_WIDTH}}" for _ in regions for name in NAMES)
        + (f"{'ms':>9}{'MiB':>8}" if job.warm else ""),
    ]
    images = len(job.results) * len(job.methods)
    for number, (name, method, errors, seconds, peak) in enumerate(rows):
        # A rule before the means.
        if number == images:
            lines.append("-" * len(lines[2]))
        text = f"{name:<{name_width}}{method:<{method_width}}"
        text += "".join(_cell(errors, region, figure) for region in regions for figure in NAMES)
        lines.append(text + (_speed(seconds, peak) if job.warm else ""))
    return "\n".join(lines + (_rates(job) if job.warm else []))


Row = tuple[str, str, Errors, float, int]


def _rows(job: EvaluationJob, dataset: StereoDataset) -> Iterator[Row]:
    for image in job.results:
        for number, method in enumerate(job.methods):
            score = image.methods[method.name]
            yield "" if number else image.name, method.name, score.errors, score.seconds, score.peak_bytes
    for averaging in averagings(dataset):
        for number, method in enumerate(job.methods):
            means = leaderboard_average(job.results, method.name, averaging)
            seconds, peak = mean_seconds(job.results, method.name), peak_bytes(job.results, method.name)
            yield "" if number else CUSTOMARY[averaging], method.name, means, seconds, peak


def _cell(errors: Errors, region: str, name: str) -> str:
    value = errors.get(region, {}).get(name, math.nan)
    return f"{'-':>{_WIDTH}}" if math.isnan(value) else f"{value:>{_WIDTH}.2f}"


def _speed(seconds: float, peak: int) -> str:
    return f"{1e3 * seconds:>9.1f}{peak / 2**20:>8.0f}"


def _rates(job: EvaluationJob) -> list[str]:
    rates = []
    for method in job.methods:
        seconds = mean_seconds(job.results, method.name)
        memory = "tensors on the GPU" if method.device.type == "cuda" else "the whole process"
        rates.append(f"{method.name}: {1 / seconds:.2f} frames/s; MiB: peak memory of {memory}")
    return rates


def _count(images: int) -> str:
    return counted(images, "image")


def facts(
    name: str,
    root: Path,
    dataset: StereoDataset,
    job: EvaluationJob,
    estimator: StereoEstimator,
    used: Collection[str],
) -> dict[str, Any]:
    """Return all settings and figures as JSON has them.

    Args:
        name, root: of the dataset, as given.
        dataset: what was read.
        job: the results.
        estimator: that ran.
        used: names of the pipeline's settings that matter.
    """
    config = estimator.config
    return {
        "dataset": {"name": name, "title": dataset.title, "root": str(root), "averaging": dataset.averaging},
        "max_disparity": finite(job.max_disparity),
        "settings": {setting: getattr(config, setting) for setting in used},
        "iterations": estimator.iterations,
        **made_with(find_checkpoint(config.checkpoint), estimator.dtype, estimator.device),
        "warm": job.warm,
        "interrupted": job.interrupted,
        "means": {method.name: _means(dataset, job, method.name) for method in job.methods},
        "images": [_image(image) for image in job.results],
        "failed": [failure._asdict() for failure in job.failed],
    }


def made_with(weights: Path, precision: torch.dtype, device: torch.device) -> dict[str, Any]:
    """Return weights with their SHA-256, precision, device and versions, as JSON has them."""
    return {
        "weights": {"file": str(weights), "name": weights.name, "sha256": weights_sha256(weights)},
        "precision": str(precision).removeprefix("torch."),
        "device": _device(device),
        "versions": _versions(),
    }


def finite(value: float) -> float | None:
    """Return a figure as JSON has it, which knows no NaN and no infinity."""
    return value if math.isfinite(value) else None


def _means(dataset: StereoDataset, job: EvaluationJob, method: str) -> dict[str, Any]:
    means: dict[str, Any] = {
        averaging: _clean(leaderboard_average(job.results, method, averaging))
        for averaging in averagings(dataset)
    }
    if job.warm:
        seconds = mean_seconds(job.results, method)
        means.update(seconds=seconds, frames_per_second=1 / seconds)
        means["peak_bytes"] = peak_bytes(job.results, method)
    return means


def _image(image: ImageScore) -> dict[str, Any]:
    scores = {name: _score(score) for name, score in image.methods.items()}
    size = {"name": image.name, "width": image.width, "height": image.height}
    return {**size, "weight": image.weight, "pixels": dict(image.pixels), **scores}


def _score(score: MethodScore) -> dict[str, Any]:
    measured = {"seconds": score.seconds, "peak_bytes": score.peak_bytes} if score.peak_bytes else {}
    return {**_clean(score.errors), **measured}


def _clean(errors: dict[str, dict[str, float]]) -> dict[str, dict[str, float | None]]:
    return {
        region: {name: finite(value) for name, value in figures.items()} for region, figures in errors.items()
    }


def _versions() -> dict[str, str]:
    return {
        "foundation_stereo_ros": __version__,
        "python": platform.python_version(),
        "torch": torch.__version__,
        "numpy": np.__version__,
        "opencv": cv2.__version__,
    }


def _device(device: torch.device) -> dict[str, Any]:
    name = torch.cuda.get_device_name(device) if device.type == "cuda" else processor()
    return {"kind": str(device), "name": name, "threads": torch.get_num_threads()}
