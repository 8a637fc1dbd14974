# SPDX-License-Identifier: Apache-2.0
"""A keep-list in words: how much was dropped, of what kind, and how sure that figure is."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from foundation_stereo_ros.errors import counted
from foundation_stereo_ros.train.curation.keep_list import Score

_WORST = 5


def summary(scores: Sequence[Score], threshold: float) -> str:
    """Return some lines for people.

    Args:
        scores: of the list.
        threshold: per cent, as the list's recipe has it.
    """
    if not scores:
        return "nothing scored"
    dropped = [score for score in scores if not score.kept]
    share = 100 * len(dropped) / len(scores)
    lines = [
        f"{len(scores) - len(dropped)} of {counted(len(scores), 'scene')} kept; "
        f"{len(dropped)} dropped ({share:.1f} %):"
        f" BP-2 above {threshold:g} %, or no valid pixel"
    ]
    figures = [score.bp2 for score in scores if score.bp2 is not None]
    if figures:
        low, middle, high = np.percentile(figures, (10, 50, 90))
        lines.append(
            f"BP-2: median {middle:.1f} %, 10 % of scenes below {low:.1f} %, 10 % above {high:.1f} %"
        )
    lines += ["", f"{'':>15} scenes dropped     share (95 % interval)"]
    for names in (sorted({s.composition for s in scores}), sorted({t for s in scores for t in s.traits})):
        lines += [_row(name, [s for s in scores if name in (s.composition, *s.traits)]) for name in names]
    lines.append(_row("nothing special", [s for s in scores if not s.traits]))
    worst = sorted(dropped, key=badness, reverse=True)[:_WORST]
    return "\n".join([*lines, *([""] if worst else []), *map(_worst, worst)])


def badness(score: Score) -> float:
    """Return a key to sort by: BP-2, below everything where there were no valid pixels."""
    return -1.0 if score.bp2 is None else score.bp2


def _row(heading: str, scores: Sequence[Score]) -> str:
    count, dropped = len(scores), sum(not score.kept for score in scores)
    share = dropped / max(count, 1)
    # Agresti and Coull's: plain spreads claim certainty where nothing, or all, was dropped
    centre = (dropped + 2) / (count + 4)
    spread = 2 * (centre * (1 - centre) / (count + 4)) ** 0.5
    low, high = max(centre - spread, 0.0), min(centre + spread, 1.0)
    return f"{heading:>15} {count:6} {dropped:7} {100 * share:7.1f} %  ({100 * low:.0f} to {100 * high:.0f})"


def _worst(score: Score) -> str:
    bp2 = "no valid pixels" if score.bp2 is None else f"BP-2 {score.bp2:5.1f} %, EPE {score.epe:.2f} px"
    return f"seed {score.seed}: {bp2}; {', '.join((score.composition, *score.traits))}"
