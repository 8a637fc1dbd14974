# SPDX-License-Identifier: Apache-2.0
"""``foundation_stereo evaluate``: errors, and speed, on a dataset with ground truth."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from contextlib import nullcontext
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING

from foundation_stereo_ros.cli.evaluate_video import add_video_options, evaluate_video, refuse_video_options
from foundation_stereo_ros.cli.options import add_pipeline_options, count, output, pipeline_config, positive
from foundation_stereo_ros.datasets.catalog import DATASETS, open_dataset
from foundation_stereo_ros.errors import FileFormatError
from foundation_stereo_ros.io.outputs import check_output, keep, reserved, reserved_folder
from foundation_stereo_ros.terminal import INTERRUPTED, FrameProgress

if TYPE_CHECKING:
    from foundation_stereo_ros.datasets.dataset import StereoDataset, StereoItem
    from foundation_stereo_ros.estimate.stereo.estimator import StereoEstimator
    from foundation_stereo_ros.evaluate.gallery import Gallery
    from foundation_stereo_ros.evaluate.job import EvaluationJob
    from foundation_stereo_ros.evaluate.methods import Method

INCOMPLETE = 3
_EXIT_CODES = """\
exit codes:
  0    done
  1    nothing could be done; one line says why
  2    wrong usage
  3    some images failed, see the report; the figures are those of the others
  130  interrupted (Ctrl-C, SIGTERM); the figures are those of the images done
"""
# What is evaluated is the dense disparity in pixels: nothing of depth, validity and clouds plays a part.
_USED = (
    "checkpoint",
    "device",
    "precision",
    "compile",
    "onnx_input",
    "iterations",
    "scale",
    "hierarchical",
    "small_ratio",
    "memory_budget",
    "max_megapixels",
)
_ASSUMED_SCALES = {
    "folder": "256",
    "middlebury": "1 to 4, depending on how much smaller than the full size the image is",
}
"""Datasets whose PNG files do not say it themselves -> what is assumed."""
_READER_OPTIONS = ("disparity_scale", "render", "split")
VIDEO = "video"
RANGE = "what the dataset says, otherwise an eighth of the width, at least 64"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the flags; loads no torch."""
    from foundation_stereo_ros.estimate.config import settings

    parser.formatter_class = argparse.RawDescriptionHelpFormatter
    parser.epilog = _EXIT_CODES
    add = parser.add_argument
    add(
        "--dataset",
        choices=(*DATASETS, VIDEO),
        required=True,
        help="layout of the files: docs/evaluation.md; video: posed video, in any layout of docs/video.md",
    )
    add("--root", type=Path, metavar="DIR", required=True, help="folder of the dataset")
    add("-o", "--output", type=output, metavar="DIR", help="folder for pictures, index.html and results.json")
    add("--json", type=output, metavar="FILE", help="write all figures to this file")
    add("--limit", type=count, metavar="N", help="only the first N images")
    add("--warm", action="store_true", help="run each image once untimed, then timed: speed, peak memory")
    # Not the pipeline's setting of that name, which makes no difference here.
    add("--baseline", dest="peer", choices=("sgbm",), help="also run OpenCV's StereoSGBM, holes filled")
    add(
        "--sgbm-disparities",
        type=count,
        metavar="N",
        help=f"search range of sgbm in pixels (default: {RANGE})",
    )
    _add_reading_options(parser.add_argument_group("reading"))
    add_video_options(parser)
    add_pipeline_options(parser, without=[s.name for s in settings() if s.name not in _USED])


def _add_reading_options(group: argparse._ArgumentGroup) -> None:
    group.add_argument(
        "--max-disparity",
        type=positive,
        metavar="X",
        help="ignore pixels whose true disparity is X or more (default: 192 for sceneflow, otherwise none)",
    )
    group.add_argument(
        "--disparity-scale",
        type=positive,
        metavar="X",
        default=argparse.SUPPRESS,
        help="factor by which disparities in PNG files are multiplied: for folder (default: 256), and for "
        "middlebury before 2014 (default: from the image size)",
    )
    for name, choices, meaning in (
        ("--render", ("final", "clean"), "sceneflow's pass (default: final)"),
        ("--split", ("test", "train", "all"), "sceneflow's part (default: test)"),
    ):
        group.add_argument(name, choices=choices, default=argparse.SUPPRESS, help=meaning)


def run(args: argparse.Namespace) -> int:
    """Evaluate; prints the table and writes what was asked for."""
    files = [args.json] if args.json else []
    with reserved(*files), reserved_folder(args.output) if args.output else nullcontext():
        if args.dataset == VIDEO:
            return evaluate_video(args, (*_USED, *_READER_OPTIONS))
        refuse_video_options(args)
        return _evaluate(args)


def _evaluate(args: argparse.Namespace) -> int:
    from foundation_stereo_ros.estimate.heap import keep_freed_memory

    keep_freed_memory()  # before torch is loaded
    config = pipeline_config(args)

    from foundation_stereo_ros.datasets.dataset import DatasetOptions
    from foundation_stereo_ros.estimate.stereo.estimator import StereoEstimator
    from foundation_stereo_ros.evaluate.gallery import Gallery
    from foundation_stereo_ros.evaluate.job import EvaluationJob
    from foundation_stereo_ros.evaluate.methods import NetworkMethod, SgbmMethod
    from foundation_stereo_ros.terminal import Interrupts

    given = {name: getattr(args, name) for name in _READER_OPTIONS if hasattr(args, name)}
    dataset = open_dataset(args.dataset, args.root, DatasetOptions(**given))
    items = list(islice(dataset.items(), args.limit))
    keep(path for item in items for path in item.paths)
    for path in _written(args):
        check_output(path)
    _tell_assumptions(args, items)
    estimator = StereoEstimator(config)
    methods: list[Method] = [NetworkMethod(estimator)]
    if args.peer:
        methods.append(SgbmMethod(args.sgbm_disparities))
    job = EvaluationJob(methods, args.max_disparity or dataset.max_disparity, warm=args.warm)
    gallery = Gallery(args.output) if args.output else None
    # A second Ctrl-C does not stop what is done from being written.
    with Interrupts():
        try:
            with FrameProgress(len(items)) as progress:
                for item in items:
                    done = job.evaluate(item)
                    if done and gallery:
                        gallery.add(*done)
                    progress.step()
        except KeyboardInterrupt:
            job.interrupted = True
        except FileFormatError:
            # A full disk does not cost the figures of what is done.
            _conclude(args, dataset, job, estimator, None)
            raise
        return _conclude(args, dataset, job, estimator, gallery)


def _tell_assumptions(args: argparse.Namespace, items: Sequence[StereoItem]) -> None:
    assumed = _ASSUMED_SCALES.get(args.dataset)
    in_png = any(item.truth.path.suffix.lower() == ".png" for item in items)
    if assumed and in_png and not hasattr(args, "disparity_scale"):
        print(
            f"note: disparities in PNG files are taken to be multiplied by {assumed}; --disparity-scale says "
            "otherwise",
            file=sys.stderr,
        )


def _written(args: argparse.Namespace) -> list[Path]:
    pages = [args.output / name for name in ("results.json", "index.html")] if args.output else []
    return [*pages, *([args.json] if args.json else [])]


def _conclude(
    args: argparse.Namespace,
    dataset: StereoDataset,
    job: EvaluationJob,
    estimator: StereoEstimator,
    gallery: Gallery | None,
) -> int:
    from foundation_stereo_ros.evaluate.report import facts, table
    from foundation_stereo_ros.io.files import write_json

    if job.results:
        results = facts(args.dataset, args.root, dataset, job, estimator, _USED)
        print(table(job, dataset))
        if args.json:
            write_json(args.json, results)
        if gallery:
            write_json(args.output / "results.json", results)
            print(f"pictures: {gallery.write_page(dataset, job, results)}")
    for failure in job.failed:
        print(f"failed: {failure.name}: {failure.reason}", file=sys.stderr)
    if job.interrupted:
        kept = "the figures are those of the images done" if job.results else "before the first image"
        print(f"interrupted: {kept}", file=sys.stderr)
        return INTERRUPTED
    if not job.results:
        return 1
    return INCOMPLETE if job.failed else 0
