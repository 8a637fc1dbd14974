# SPDX-License-Identifier: Apache-2.0
"""What the demonstration shows: its page, pictures and cloud, and what it says at its end."""

from __future__ import annotations

from pathlib import Path

from foundation_stereo_ros import __version__
from foundation_stereo_ros.demo.figures import Errors, Figures
from foundation_stereo_ros.demo.live import LiveFigures
from foundation_stereo_ros.demo.recording import FRAME_ID, StoredFrame, stored_cloud, stored_frames
from foundation_stereo_ros.demo.stages import Stages
from foundation_stereo_ros.demo.walk import Walk
from foundation_stereo_ros.errors import BagError, counted
from foundation_stereo_ros.estimate.stereo.estimator import StereoEstimator
from foundation_stereo_ros.io.pictures import write_png
from foundation_stereo_ros.io.ply import write_ply
from foundation_stereo_ros.io.report import Figure, Picture, Report, write_report
from foundation_stereo_ros.ros.bags.job_options import JobReport

_SMALL = (
    "The weights that ship are small and were trained for a short time on painted scenes alone; this room is "
    "ray cast, and of a kind that was never trained on. Expect more errors on real images; the README "
    "tells where the published weights are."
)
_SUMMARY = (
    "A stereo camera moves through a generated room; the pictures show the frame in the middle of the "
    "recording. The last four are of another input: real images of one camera whose poses are known."
)


def about_weights(estimator: StereoEstimator) -> str:
    """Say which weights made the result, and what to think of them."""
    if estimator.config.checkpoint:
        return f"Weights: {estimator.config.checkpoint}"
    return _SMALL


def write_pages(
    folder: Path,
    result: Path,
    figures: Figures,
    report: JobReport,
    seconds: float,
    estimator: StereoEstimator,
    walked: Walk,
    live: LiveFigures | None = None,
) -> list[tuple[Path, str]]:
    """Write index.html, the pictures as files, and cloud.ply, from the result's recording.

    Args:
        folder: to write to.
        result: the recording.
        figures: of the comparison.
        report: of the run.
        seconds: of the network for one frame.
        estimator: that made the result.
        walked: what came of the posed video.
        live: what came over the wire; None where nothing was tried there.

    Returns:
        What there is to open, and what it is.

    Raises:
        BagError: the frame to show is not in the recording.
        FileFormatError: a file cannot be written.
    """
    frame = _shown(result, figures)
    cloud = stored_cloud(result, frame.stamp_ns)
    write_ply(folder / "cloud.ply", cloud.points, cloud.colors)
    stages = Stages(frame, cloud, estimator).pictures()
    pictures = _written(folder / "pictures", {**stages, **walked.pictures})
    page = Report(
        title="A stereo recording, stage by stage",
        summary=f"{_SUMMARY} {about_weights(estimator)}",
        figures=[
            *_figures(figures, report, seconds, frame, len(cloud.points)),
            *_live(live),
            *walked.figures,
        ],
        pictures=list(pictures.values()),
        details=_details(folder, result, estimator),
    )
    write_report(folder / "index.html", page)
    return _to_open(folder, result, walked, live)


def _written(folder: Path, pictures: dict[str, Picture]) -> dict[str, Picture]:
    for number, (name, picture) in enumerate(pictures.items(), 1):
        write_png(folder / f"{number:02d}_{name}.png", picture.image)
    return pictures


def _shown(result: Path, figures: Figures) -> StoredFrame:
    for frame in stored_frames(result):
        if frame.stamp_ns == figures.shown_ns:
            return frame
    raise BagError(f"{result} holds no frame of stamp {figures.shown_ns} ns")


def _to_open(folder: Path, result: Path, walked: Walk, live: LiveFigures | None) -> list[tuple[Path, str]]:
    return [
        (folder / "index.html", "every stage in pictures, and the figures"),
        (result, "the recording with disparity, depth and points"),
        (folder / "stereo.mcap", "the recording alone, with the exact depth"),
        (folder / "cloud.ply", "one frame's points, for MeshLab, CloudCompare or Open3D"),
        (walked.cloud, "the points of the posed video, for the same programs"),
        (folder / "pictures", "the page's pictures as files"),
        *([(live.path, "what the live node published, as a recorder heard it")] if live else []),
    ]


def _figures(
    figures: Figures, report: JobReport, seconds: float, frame: StoredFrame, points: int
) -> list[Figure]:
    height, width = frame.valid.shape
    return [
        Figure("Frames", str(report.frames), f"stereo pairs of {width} x {height} pixels"),
        Figure("Network", f"{1 / seconds:.2f} frames/s", "median frame"),
        Figure(
            "Disparity error", f"{figures.visible.epe:.2f} px", "mean, where both cameras see the surface"
        ),
        Figure("Depth error", f"{figures.visible.abs_rel:.1f} %", "mean, of the depth, same pixels"),
        Figure("Off by more than 2 px", f"{figures.visible.bp2:.1f} %", "of the same pixels (BP-2)"),
        Figure(
            "With what one camera sees",
            _in_words(figures.everywhere),
            "the same three, wherever a depth was written",
        ),
        Figure("Valid", f"{figures.valid:.1f} %", "of all pixels have a depth"),
        Figure(
            "Whole run",
            f"{report.frames / report.seconds:.2f} frames/s",
            "with reading the recording and writing images and clouds",
        ),
        Figure("Points", f"{points}", "in cloud.ply"),
    ]


def _live(live: LiveFigures | None) -> list[Figure]:
    return [Figure("Live over DDS", f"{1000 * live.p50:.0f} ms", str(live))] if live else []


def _in_words(errors: Errors) -> str:
    return f"{errors.epe:.2f} px, {errors.bp2:.1f} %, {errors.abs_rel:.1f} %"


def _details(folder: Path, result: Path, estimator: StereoEstimator) -> list[str]:
    facts = [f"foundation_stereo_ros {__version__}"]
    if estimator.in_torch:
        count = sum(parameter.numel() for parameter in estimator.model.parameters())
        facts.append(f"{count / 1e6:.1f} million weights")
    if estimator.iterations:
        facts.append(counted(estimator.iterations, "refinement"))
    facts += [estimator.device.type, str(estimator.dtype).removeprefix("torch.")]
    return [
        ", ".join(facts),
        f"{result}: topics /stereo/disparity, /stereo/depth/image_rect, /stereo/depth/camera_info and "
        "/stereo/points2 beside the recorded ones, and /stereo/ground_truth/depth/image_rect",
        f"Play it: ros2 bag play {result}; or open it in Foxglove. Fixed frame: {FRAME_ID}",
        f"{folder / 'cloud.ply'}: metres; x right, y down, z forward",
    ]


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
            f"{counted(report.frames, 'frame')}; network {1 / seconds:.2f} frames/s, with reading and "
            f"writing {report.frames / report.seconds:.2f} frames/s ({estimator.device.type})",
            *([f"live over DDS: {live}"] if live else []),
            f"error against exact depth: {visible.epe:.2f} px on average, {visible.bp2:.1f} % of pixels "
            f"off by more than 2 px, depth off by {visible.abs_rel:.1f} %",
            f"  (these are the pixels that both cameras see; of all pixels the error is "
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
        "  foundation_stereo video YOUR_FOLDER -o OUT   (one camera whose poses are known)",
    ]
