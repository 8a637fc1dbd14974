# SPDX-License-Identifier: Apache-2.0
"""An evaluation as data: everything needed to compare it with another one, or to run it again."""

from __future__ import annotations

import json
import math
import platform
from collections.abc import Collection
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import torch

from foundation_stereo_ros import __version__
from foundation_stereo_ros.bench.machine import processor
from foundation_stereo_ros.datasets.dataset import StereoDataset
from foundation_stereo_ros.estimate.estimator import StereoEstimator
from foundation_stereo_ros.evaluate.job import EvaluationJob
from foundation_stereo_ros.evaluate.scores import (
    ImageScore,
    MethodScore,
    average,
    mean_seconds,
    peak_bytes,
)
from foundation_stereo_ros.evaluate.table import averagings
from foundation_stereo_ros.io.atomic import atomic_write
from foundation_stereo_ros.weights.checkpoint import weights_sha256
from foundation_stereo_ros.weights.shipped import find_checkpoint


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
        "max_disparity": _finite(job.max_disparity),
        "settings": {setting: getattr(config, setting) for setting in used},
        "weights": _weights(find_checkpoint(config.checkpoint)),
        "iterations": estimator.iterations,
        "precision": str(estimator.dtype).removeprefix("torch."),
        "device": _device(estimator.device),
        "versions": _versions(),
        "warm": job.warm,
        "interrupted": job.interrupted,
        "means": {method.name: _means(dataset, job, method.name) for method in job.methods},
        "images": [_image(image) for image in job.results],
        "failed": [failure._asdict() for failure in job.failed],
    }


def write_json(path: Path, results: dict[str, Any]) -> None:
    """Write results; whole or not at all.

    Raises:
        FileFormatError: the file cannot be written.
    """
    content = json.dumps(results, indent=1, allow_nan=False, ensure_ascii=False) + "\n"
    with atomic_write(path) as stream:
        stream.write(content.encode("utf-8"))


def _means(dataset: StereoDataset, job: EvaluationJob, method: str) -> dict[str, Any]:
    means: dict[str, Any] = {
        averaging: _clean(average(job.results, method, averaging)) for averaging in averagings(dataset)
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
    """JSON has no NaN and no infinity."""
    return {
        region: {name: _finite(value) for name, value in figures.items()}
        for region, figures in errors.items()
    }


def _finite(value: float) -> float | None:
    return value if math.isfinite(value) else None


def _weights(path: Path) -> dict[str, str]:
    return {"file": str(path), "name": path.name, "sha256": weights_sha256(path)}


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
