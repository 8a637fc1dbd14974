# SPDX-License-Identifier: Apache-2.0
"""What the demonstration says at its end."""

from __future__ import annotations

from pathlib import Path

from foundation_stereo_ros.demo.figures import Figures
from foundation_stereo_ros.demo.latency import LiveFigures
from foundation_stereo_ros.demo.recording import FRAME_ID
from foundation_stereo_ros.demo.report import about_weights
from foundation_stereo_ros.estimate.estimator import StereoEstimator
from foundation_stereo_ros.ros.bags.job_options import JobReport


def summary(
    figures: Figures,
    report: JobReport,
    seconds: float,
    written: list[tuple[Path, str]],
    estimator: StereoEstimator,
    folder: Path,
    live: LiveFigures | None,
) -> str:
    """Return figures, files and what to do next.

    Args:
        figures: of the comparison.
        report: of the run.
        seconds: of the network for one frame.
        written: files and what they are.
        estimator: that made the result.
        folder: of the files.
        live: what came over the wire; None where nothing was tried there.
    """
    visible = figures.visible
    width = max(len(str(path)) for path, _ in written)
    return "\n".join(
        [
            "",
            f"{report.frames} frames; network {1 / seconds:.2f} frames/s, with reading and writing "
            f"{report.frames / report.seconds:.2f} frames/s ({estimator.device.type})",
            *([f"live over DDS: {live}"] if live else []),
            f"error against exact depth: {visible.epe:.2f} px on average, {visible.bp2:.1f} % of pixels "
            f"off by more than 2 px, depth off by {visible.abs_rel:.1f} %",
            f"  (where both cameras see the surface; with what one alone sees "
            f"{figures.everywhere.epe:.2f} px); {figures.valid:.1f} % of all pixels have a depth",
            about_weights(estimator),
            "",
            *(f"  {path!s:<{width}}  {meaning}" for path, meaning in written),
            "",
            *_next(folder),
        ]
    )


def _next(folder: Path) -> list[str]:
    return [
        "next:",
        f"  open {folder / 'index.html'} in a browser",
        f"  ros2 bag play {folder / 'stereo_depth.mcap'}   (ROS 2 Humble: add -s mcap)",
        f"    and RViz with the fixed frame {FRAME_ID}; or drop the file on Foxglove",
        "  foundation_stereo bag YOUR_RECORDING -o OUT.mcap   (your own cameras)",
    ]
