# SPDX-License-Identifier: Apache-2.0
"""An evaluation of posed video as text for the terminal, and as data with all that made it."""

from __future__ import annotations

import math
from collections.abc import Collection, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from foundation_stereo_ros.datasets.posed_video import PosedVideo
from foundation_stereo_ros.errors import counted
from foundation_stereo_ros.evaluate.depth_metrics import LEAST, DepthErrors, mean_errors
from foundation_stereo_ros.evaluate.report import finite, made_with
from foundation_stereo_ros.evaluate.video_job import METHODS, FrameScore, VideoEvaluation
from foundation_stereo_ros.weights.shipped import SHIPPED_VIDEO, find_checkpoint

HEADINGS = {
    "absolute": "abs",
    "relative": "abs-rel",
    "inverse": "abs-inv",
    "squared": "sq-rel",
    "rmse": "RMSE",
    "within_1": "d<1.25",
    "within_2": "<1.25^2",
    "within_3": "<1.25^3",
    "covered": "covered",
}
"""What each figure of `DepthErrors` is called."""

ALL = "all videos"


def means(results: Sequence[FrameScore], method: str) -> tuple[DepthErrors, float]:
    """Return the mean figures of a method over keyframes, and its mean seconds."""
    seconds = [score.seconds[method] for score in results]
    mean = float(np.mean(seconds)) if seconds else math.nan
    return mean_errors(score.errors[method] for score in results), mean


def table(job: VideoEvaluation) -> str:
    """Return one line for each video and method, and the means over all keyframes where there are several."""
    groups = by_video(job)
    width, methods = max(map(len, groups)) + 2, max(map(len, METHODS)) + 1
    title = f"{'video':<{width}}{'':<{methods}}{'frames':>7}"
    lines = [
        f"depth from posed video, {_where(job)}; abs, sq-rel and RMSE in metres, abs-inv in 1/m",
        title + "".join(f"{name:>9}" for name in HEADINGS.values()) + f"{'ms':>9}",
    ]
    for video, results in groups.items():
        if video == ALL:
            lines.append("-" * len(lines[1]))
        for number, method in enumerate(METHODS):
            errors, seconds = means(results, method)
            name = "" if number else video
            cells = "".join(f"{'-' if math.isnan(x) else f'{x:.4f}':>9}" for x in errors)
            lines.append(f"{name:<{width}}{method:<{methods}}{len(results):>7}{cells}{1000 * seconds:>9.1f}")
    return "\n".join(lines)


def by_video(job: VideoEvaluation) -> dict[str, list[FrameScore]]:
    """Return the scores of each video, and of `ALL` where there are several."""
    groups = {
        video: [score for score in job.results if score.video == video]
        for video in dict.fromkeys(score.video for score in job.results)
    }
    return groups if len(groups) == 1 else {**groups, ALL: job.results}


def _where(job: VideoEvaluation) -> str:
    every = "all keyframes" if job.every == 1 else f"one of {job.every} keyframes"
    most = "" if math.isinf(job.most) else f" to {job.most:g}"
    return f"{every}, truth from {LEAST:g}{most} m" if most else f"{every}, truth of {LEAST:g} m or more"


def facts(
    root: Path, videos: Mapping[str, PosedVideo], job: VideoEvaluation, used: Collection[str]
) -> dict[str, Any]:
    """Return all settings and figures as JSON has them.

    Args:
        root: of the videos, as given.
        videos: name -> what was read.
        job: the results.
        used: names of the estimator's settings that matter.
    """
    estimator = job.estimator
    config = estimator.config
    weights = find_checkpoint(config.checkpoint, SHIPPED_VIDEO)
    return {
        "dataset": {"name": "video", "root": str(root)},
        "every": job.every,
        "max_depth": finite(job.most),
        "settings": {setting: getattr(config, setting) for setting in used},
        **made_with(weights, estimator.dtype, estimator.device),
        "interrupted": job.interrupted,
        "means": {method: _mean(job.results, method) for method in METHODS},
        "videos": {
            name: {
                "layout": videos[name].layout,
                "frames": len(videos[name].frames),
                "keyframes": job.keyframes.get(name, 0),
                "compared": len(results),
                **{method: _mean(results, method) for method in METHODS},
            }
            for name, results in by_video(job).items()
            if name in videos
        },
        "frames": [_frame(score) for score in job.results],
        "failed": [failure._asdict() for failure in job.failed],
    }


def _mean(results: Sequence[FrameScore], method: str) -> dict[str, float | None]:
    errors, seconds = means(results, method)
    return {**_clean(errors), "seconds": finite(seconds)}


def _frame(score: FrameScore) -> dict[str, Any]:
    methods = {
        method: {**_clean(score.errors[method]), "seconds": score.seconds[method]} for method in METHODS
    }
    return {"video": score.video, "name": score.name, **methods}


def _clean(errors: DepthErrors) -> dict[str, float | None]:
    return {name: finite(value) for name, value in errors._asdict().items()}


def in_words(job: VideoEvaluation) -> str:
    """Say how much was compared."""
    return f"{counted(len(job.results), 'keyframe')} of {counted(len(job.keyframes), 'video')}"
