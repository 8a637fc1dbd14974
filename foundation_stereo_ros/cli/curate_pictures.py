# SPDX-License-Identifier: Apache-2.0
"""The worst scenes that were dropped, for a person to judge why."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from foundation_stereo_ros.evaluate.gallery import contact_sheet
from foundation_stereo_ros.io.pictures import write_png
from foundation_stereo_ros.io.report import Legend, Picture
from foundation_stereo_ros.io.visualize import Range, colorize, colorize_disparity, value_range
from foundation_stereo_ros.shapes import RgbImage
from foundation_stereo_ros.train.curation.keep_list import Score
from foundation_stereo_ros.train.curation.scoring import Scorer
from foundation_stereo_ros.train.curation.summary import badness

_ERROR_RANGE = Range(0.0, 8.0)


def write_worst(path: Path, scores: Sequence[Score], count: int, scorer: Scorer) -> int:
    """Write one PNG with a row for each of the worst dropped pairs: left, truth, estimate, error.

    Args:
        path: of the picture.
        scores: of a list.
        count: rows at most.
        scorer: that of the list; renders and estimates again.

    Returns:
        The number of rows; without any, nothing is written.

    Raises:
        FileFormatError: the picture cannot be written.
    """
    worst = sorted((score for score in scores if not score.kept), key=badness, reverse=True)[:count]
    if worst:
        write_png(path, np.vstack([_row(score, scorer) for score in worst]))
    return len(worst)


def _row(score: Score, scorer: Scorer) -> RgbImage:
    batch, found = scorer.look(score.seed)
    left = batch.left[0].permute(1, 2, 0).round().clamp(0, 255).byte().cpu().numpy()
    truth, estimate = batch.disparity[0, 0].cpu().numpy(), found[0, 0].cpu().numpy()
    valid = batch.valid[0, 0].cpu().numpy()
    limits = value_range(truth, valid, percent=0.5)
    legend = Legend(f"{limits.low:.1f} px", f"{limits.high:.1f} px")
    off = Legend("0 px off", f"{_ERROR_RANGE.high:g} px or more")
    title = ", ".join((score.composition, *score.traits))
    bp2 = "no valid pixels" if score.bp2 is None else f"BP-2 {score.bp2:.1f} %, EPE {score.epe:.2f} px"
    estimated = colorize_disparity(estimate, np.ones_like(valid), limits)
    first = contact_sheet(
        [
            Picture(f"seed {score.seed}", left, title),
            Picture("truth", colorize_disparity(truth, valid, limits), "dark: not valid", legend),
        ]
    )
    second = contact_sheet(
        [
            Picture("estimate", estimated, "", legend),
            Picture("error", colorize(np.abs(estimate - truth), valid, _ERROR_RANGE), bp2, off),
        ]
    )
    return np.hstack([first, second])
