# SPDX-License-Identifier: Apache-2.0
"""An evaluation in pictures: a file for each image, and a page of the worst ones."""

from __future__ import annotations

import heapq
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import cv2
import numpy as np

from foundation_stereo_ros.datasets.dataset import StereoDataset, StereoSample
from foundation_stereo_ros.errors import counted
from foundation_stereo_ros.evaluate.job import EvaluationJob
from foundation_stereo_ros.evaluate.metrics import REGIONS, ImageScore, leaderboard_average
from foundation_stereo_ros.evaluate.report import CUSTOMARY, HEADINGS, averagings
from foundation_stereo_ros.io.pictures import write_png
from foundation_stereo_ros.io.report import Figure, Legend, Picture, Report, write_report
from foundation_stereo_ros.io.visualize import Range, colorize, colorize_disparity, value_range
from foundation_stereo_ros.shapes import RgbImage, ShiftMap

WORST = 8
"""Images on the page."""

_ERROR_RANGE = Range(0.0, 5.0)
"""Pixels of error from blue to red, the same in every picture so that they compare."""

_REGIONS = {"all": "all pixels with ground truth", "noc": "pixels that both cameras see"}
_NARROWEST, _WIDEST, _ON_PAGE = 320, 960, 480
_LINE = 20
_WHITE = (235, 235, 235)


class WorstFirst:
    """Writes a contact sheet for each image as they come, and remembers the worst for a page.

    Args:
        folder: gets ``pictures/``.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._count = 0
        self._worst: list[tuple[float, int, list[Picture]]] = []

    def put(self, name: str, pictures: Sequence[Picture], badness: float) -> None:
        """Write the sheet of one image.

        Args:
            name: of the image.
            pictures: of one size.
            badness: the worst are remembered; NaN, where nothing was compared, is none of them.

        Raises:
            FileFormatError: it cannot be written.
        """
        self._count += 1
        file = f"{self._count:04d}_{name.replace('/', '_')}.png"
        write_png(self._folder / "pictures" / file, contact_sheet(pictures))
        small = [Picture(p.title, _resized(p.image, _ON_PAGE), p.caption, p.legend) for p in pictures]
        push = heapq.heappush if len(self._worst) < WORST else heapq.heappushpop
        push(self._worst, (float(np.nan_to_num(badness, nan=-1.0)), -self._count, small))

    def worst(self) -> list[list[Picture]]:
        """Return the pictures of the worst images, the worst one first."""
        return [pictures for _, _, pictures in sorted(self._worst, reverse=True)]


class Gallery:
    """An evaluation of stereo in pictures.

    Args:
        folder: gets ``pictures/`` and ``index.html``.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._sheets = WorstFirst(folder)

    def add(self, sample: StereoSample, estimates: Mapping[str, ShiftMap], score: ImageScore) -> None:
        """Write the picture of one image.

        Raises:
            FileFormatError: it cannot be written.
        """
        first = next(iter(score.methods.values()))
        self._sheets.put(score.name, _pictures(sample, estimates, score), first.errors["all"]["bp2"])

    def write_page(self, dataset: StereoDataset, job: EvaluationJob, results: Mapping[str, Any]) -> Path:
        """Write index.html and return its path.

        Raises:
            FileFormatError: it cannot be written.
        """
        worst = self._sheets.worst()
        page = Report(
            title=f"Evaluation on {dataset.title}",
            summary=f"{counted(len(job.results), 'image')}, {len(job.failed)} failed. The pictures show the "
            f"{len(worst)} with most pixels off by more than 2; all are in the folder pictures.",
            figures=list(_figures(dataset, job)),
            pictures=[picture for pictures in worst for picture in pictures],
            details=_details(job, results),
        )
        write_report(self._folder / "index.html", page)
        return self._folder / "index.html"


def contact_sheet(pictures: Sequence[Picture]) -> RgbImage:
    """Put pictures of one size side by side in rows of two, with titles and legends."""
    width = min(max(pictures[0].image.shape[1], _NARROWEST), _WIDEST)
    cells = [_labelled(picture, width) for picture in pictures]
    if len(cells) % 2:
        cells.append(np.zeros_like(cells[0]))
    return np.vstack([np.hstack(cells[at : at + 2]) for at in range(0, len(cells), 2)])


def _pictures(sample: StereoSample, estimates: Mapping[str, ShiftMap], score: ImageScore) -> list[Picture]:
    known = np.isfinite(sample.disparity)
    limits = value_range(sample.disparity, known, percent=0.5)
    disparities = Legend(f"{limits.low:.1f} px", f"{limits.high:.1f} px")
    errors = Legend("0 px off", f"{_ERROR_RANGE.high:g} px or more")
    everywhere = np.ones_like(known)
    pictures = [
        Picture(score.name, sample.left, f"left image, {score.width} x {score.height} pixels"),
        Picture(
            "ground truth",
            colorize_disparity(sample.disparity, known, limits),
            f"{100 * known.mean():.1f} % of the pixels",
            disparities,
        ),
    ]
    for name, estimate in estimates.items():
        error = np.abs(estimate - sample.disparity)
        figures = score.methods[name].errors["all"]
        said = f"EPE {figures['epe']:.2f} px, BP-2 {figures['bp2']:.1f} %"
        painted = colorize_disparity(estimate, everywhere, limits)
        pictures.append(Picture(f"{name}: disparity", painted, said, disparities))
        painted = colorize(error, known, _ERROR_RANGE)
        pictures.append(Picture(f"{name}: error", painted, "dark: no ground truth", errors))
    return pictures


def _labelled(picture: Picture, width: int) -> RgbImage:
    strip = np.zeros((2 * _LINE + 4, width, 3), np.uint8)
    _write(strip, f"{picture.title}   {picture.caption}", 4, _LINE - 5)
    if picture.legend:
        low, high = picture.legend.low, picture.legend.high
        bar = np.linspace(0, 1, 120, dtype=np.float32)[None].repeat(10, 0)
        _write(strip, low, 4, 2 * _LINE - 3)
        strip[_LINE + 6 : _LINE + 16, 76:196] = colorize(bar, np.ones_like(bar, np.bool_), Range(0.0, 1.0))
        _write(strip, high, 204, 2 * _LINE - 3)
    return np.vstack([strip, _resized(picture.image, width)])


def _write(strip: RgbImage, text: str, x: int, y: int) -> None:
    # OpenCV's letters are ASCII.
    plain = text.encode("ascii", "replace").decode("ascii")
    cv2.putText(strip, plain, (x, y), cv2.FONT_HERSHEY_SIMPLEX, 0.4, _WHITE, 1, cv2.LINE_AA)


def _resized(image: RgbImage, width: int) -> RgbImage:
    size = width, max(1, round(image.shape[0] * width / image.shape[1]))
    way = cv2.INTER_AREA if width < image.shape[1] else cv2.INTER_NEAREST
    return np.asarray(cv2.resize(image, size, interpolation=way), np.uint8)


def _figures(dataset: StereoDataset, job: EvaluationJob) -> list[Figure]:
    figures = []
    averaging = averagings(dataset)[-1]
    for method in job.methods:
        means = leaderboard_average(job.results, method.name, averaging)
        for region in REGIONS:
            for name, value in means.get(region, {}).items():
                unit = "px" if name == "epe" else "%"
                title = f"{method.name}, {region}: {HEADINGS[name]}"
                note = f"{_REGIONS[region]}; {CUSTOMARY[averaging]}"
                figures.append(Figure(title, f"{value:.2f} {unit}", note))
    return figures


def _details(job: EvaluationJob, results: Mapping[str, Any]) -> list[str]:
    weights, device, versions = results["weights"], results["device"], results["versions"]
    return [
        f"weights: {weights['file']}, sha256 {weights['sha256']}",
        f"{device['kind']} ({device['name']}), {results['precision']}, "
        + counted(results["iterations"], "refinement"),
        ", ".join(f"{name} {version}" for name, version in versions.items()),
        ", ".join(f"{name} {value}" for name, value in results["settings"].items() if value != ""),
        *(f"failed: {failure.name}: {failure.reason}" for failure in job.failed),
    ]
