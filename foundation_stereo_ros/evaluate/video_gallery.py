# SPDX-License-Identifier: Apache-2.0
"""An evaluation of posed video in pictures: a file for each keyframe, and a page of the worst ones."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import cv2
import numpy as np

from foundation_stereo_ros.evaluate.gallery import WorstFirst
from foundation_stereo_ros.evaluate.video_job import METHODS, NETWORK, EvaluatedFrame, VideoEvaluation
from foundation_stereo_ros.evaluate.video_report import HEADINGS, in_words, means
from foundation_stereo_ros.io.report import Figure, Legend, Picture, Report, write_report
from foundation_stereo_ros.io.visualize import Range, colorize, colorize_depth, value_range
from foundation_stereo_ros.shapes import DepthMap

_ERROR_RANGE = Range(0.0, 0.5)
"""|error| / truth from blue to red, the same in every picture so that they compare."""


class VideoGallery:
    """Writes pictures as they come, and remembers the worst.

    Args:
        folder: gets ``pictures/`` and ``index.html``.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._sheets = WorstFirst(folder)

    def add(self, done: EvaluatedFrame) -> None:
        """Write the picture of one keyframe.

        Raises:
            FileFormatError: it cannot be written.
        """
        score = done.score
        self._sheets.put(f"{score.video}/{score.name}", _pictures(done), score.errors[NETWORK].relative)

    def write_page(self, job: VideoEvaluation, results: Mapping[str, Any]) -> Path:
        """Write index.html and return its path.

        Raises:
            FileFormatError: it cannot be written.
        """
        worst = self._sheets.worst()
        weights, device = results["weights"], results["device"]
        page = Report(
            title="Evaluation of depth from posed video",
            summary=f"{in_words(job)}, {len(job.failed)} failed. The pictures show the {len(worst)} with the "
            "greatest relative error of the network; all are in the folder pictures.",
            figures=list(_figures(job)),
            pictures=[picture for pictures in worst for picture in pictures],
            details=[
                f"weights: {weights['file']}, sha256 {weights['sha256']}",
                f"{device['kind']} ({device['name']}), {results['precision']}",
                ", ".join(f"{name} {version}" for name, version in results["versions"].items()),
                ", ".join(f"{name} {value}" for name, value in results["settings"].items() if value != ""),
                *(f"failed: {failure.name}: {failure.reason}" for failure in job.failed),
            ],
        )
        write_report(self._folder / "index.html", page)
        return self._folder / "index.html"


def _pictures(done: EvaluatedFrame) -> list[Picture]:
    truth, score = _sized(done.truth, done.image.shape[:2]), done.score
    known = np.isfinite(truth)
    limits = value_range(truth, known, percent=0.5)
    depths = Legend(f"{limits.high:.1f} m", f"{limits.low:.1f} m")
    errors = Legend("0 % off", f"{100 * _ERROR_RANGE.high:.0f} % or more")
    height, width = done.image.shape[:2]
    pictures = [
        Picture(f"{score.video}/{score.name}", done.image, f"{width} x {height} pixels"),
        Picture("truth", colorize_depth(truth, limits), f"{100 * known.mean():.1f} % of the pixels", depths),
    ]
    for name in METHODS:
        depth, found = _sized(done.depths[name], done.image.shape[:2]), score.errors[name]
        said = f"abs-rel {found.relative:.3f}, covered {100 * found.covered:.0f} %"
        pictures.append(Picture(f"{name}: depth", colorize_depth(depth, limits), said, depths))
        wrong = np.abs(depth - truth) / truth
        painted = colorize(wrong, known, _ERROR_RANGE)
        pictures.append(Picture(f"{name}: error", painted, "dark: no truth, or no depth", errors))
    return pictures


def _sized(depth: DepthMap, size: tuple[int, int]) -> DepthMap:
    if depth.shape == size:
        return depth
    return np.asarray(cv2.resize(depth, size[::-1], interpolation=cv2.INTER_NEAREST), np.float32)


def _figures(job: VideoEvaluation) -> Iterator[Figure]:
    for method in METHODS:
        errors, _ = means(job.results, method)
        for name, value in errors._asdict().items():
            yield Figure(f"{method}: {HEADINGS[name]}", f"{value:.4f}", "mean of keyframes")
