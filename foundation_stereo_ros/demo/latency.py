# SPDX-License-Identifier: Apache-2.0
"""How long pairs took from the player over the node to the recorder."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from foundation_stereo_ros.demo.recording import NAMESPACE
from foundation_stereo_ros.errors import WireError
from foundation_stereo_ros.ros.bags.reader import read_messages
from foundation_stereo_ros.ros.messages.pipeline import MAIN_OUTPUTS
from foundation_stereo_ros.ros.messages.stamps import stamp_ns


@dataclass(frozen=True)
class LiveFigures:
    """What came over the wire; times are in seconds.

    Attributes:
        path: the recorder's file.
        played: pairs that were played.
        results: pairs all of whose results have been recorded.
        p50, p95: of those, from when the player wrote the pair until the recorder had all its results.
        network: how much of that the network computes, median of the same pairs; None: not known.
    """

    path: Path
    played: int
    results: int
    p50: float
    p95: float
    network: float | None

    def __str__(self) -> str:
        """In words."""
        pairs = f"{self.results} pair{'s' * (self.results != 1)}"
        some = f"{pairs} of {self.played}" if self.results < self.played else pairs
        share = "" if self.network is None else f", of which the network takes {1000 * self.network:.0f} ms"
        return (
            f"{1000 * self.p50:.0f} ms from writing a pair to having all its results{share} "
            f"(medians; p95 {1000 * self.p95:.0f} ms; {some}, one after the other)"
        )


def received(path: Path) -> dict[int, int]:
    """Read when a recorder had all results of a pair.

    Returns:
        Stamp -> nanoseconds since 1970; pairs of which a result is missing are left out.

    Raises:
        BagError: the recording cannot be read.
    """
    topics = [f"{NAMESPACE}/{name}" for name in MAIN_OUTPUTS]
    times: dict[int, dict[str, int]] = {}
    for topic, message, log_time in read_messages(path, topics):
        times.setdefault(stamp_ns(message.header), {})[topic] = log_time
    return {stamp: max(found.values()) for stamp, found in times.items() if len(found) == len(topics)}


def live_figures(path: Path, written: Mapping[int, int], network: float | None) -> LiveFigures:
    """Match results with the pairs that they are of.

    Args:
        path: the recorder's file.
        written: stamp -> when the player wrote that pair, nanoseconds since 1970.
        network: what the network takes for a pair, median of all that were played, seconds; None: not known.

    Raises:
        BagError: the recording cannot be read.
        WireError: no result in it is of a pair that was played, or it came before its pair.
    """
    had = received(path)
    seconds = [(had[stamp] - at) / 1e9 for stamp, at in written.items() if stamp in had]
    if not seconds:
        raise WireError(f"of {len(written)} pairs no result came over the wire to {path}")
    if min(seconds) < 0:
        raise WireError("the computer's clock was set back meanwhile, so that nothing could be measured")
    p50, p95 = np.percentile(seconds, (50, 95))
    # Of other pairs than those measured, its median could be anything beside theirs.
    known = network if len(seconds) == len(written) else None
    return LiveFigures(path, len(written), len(seconds), float(p50), float(p95), known)
