# SPDX-License-Identifier: Apache-2.0
"""``foundation_stereo scene``: pictures without poses in; cameras, depth and points of one scene out."""

from __future__ import annotations

import argparse
import shutil
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from foundation_stereo_ros.cli.match import tell_licence
from foundation_stereo_ros.cli.options import (
    add_limit_option,
    add_scene_options,
    in_flags,
    output,
    positive,
    scene_config,
)
from foundation_stereo_ros.cli.view_inputs import add_input_options, scene_folders, views_of
from foundation_stereo_ros.errors import ConfigError, FoundationStereoError, counted
from foundation_stereo_ros.io.outputs import reserved_folder
from foundation_stereo_ros.terminal import Interrupts, StatusLine

if TYPE_CHECKING:
    from foundation_stereo_ros.estimate.views.config import SceneSettings
    from foundation_stereo_ros.estimate.views.reconstructor import SceneReconstructor
    from foundation_stereo_ros.estimate.views.scene import Scene, View

_FAILED = 3
_DONE = "scene.json"
_EXIT_CODES = """\
exit codes:
  0    done
  1    nothing could be done; one line says why
  2    wrong usage
  3    of a folder of folders, some could not be done; a line each says why
  130  interrupted (Ctrl-C, SIGTERM); run it again, and it goes on with the pairs that are done

Without --cache, predictions of pairs are kept in OUT/.pairs until the scene is finished.
"""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the flags; loads no torch."""
    parser.formatter_class = argparse.RawDescriptionHelpFormatter
    parser.epilog = _EXIT_CODES
    add = parser.add_argument
    add(
        "input",
        type=Path,
        metavar="FOLDER",
        help="folder with pictures of one scene; a video file; or a folder of such folders: each becomes a "
        "scene, and finished ones are skipped",
    )
    add("-o", "--output", type=output, metavar="OUT", required=True, help="folder for the results")
    add("--force", action="store_true", help="replace results that are there")
    add(
        "--export",
        metavar="KINDS",
        default="npz,png,ply,glb,colmap,tum,transforms,html",
        help="files to write: one or more of npz (arrays of each view), png (overview and depths), ply, glb "
        "(cloud and cameras), colmap (model as text and binary), tum (trajectory), transforms "
        "(transforms.json), html (a page with a 3-D view) (default: all)",
    )
    camera = add_input_options(parser)
    camera.add_argument(
        "--distance",
        nargs=3,
        metavar=("A", "B", "M"),
        help="metres between the cameras of two pictures: gives the scene its scale",
    )
    add_scene_options(parser)
    add_limit_option(parser)


def run(args: argparse.Namespace) -> int:
    """Reconstruct the folder, or each one in it, and print what came of it."""
    from foundation_stereo_ros.estimate.heap import keep_freed_memory

    keep_freed_memory()  # before torch is loaded
    from foundation_stereo_ros.estimate.views.files.scene_files import parse_scene_kinds

    config = scene_config(args)
    parse_scene_kinds(args.export)
    _check_distance(args)
    if args.output.resolve() == args.input.resolve():
        raise ConfigError(
            f"{args.output} is the folder of the pictures; expected another one for the results"
        )
    with Interrupts():
        return _run(args, config)


def _run(args: argparse.Namespace, config: SceneSettings) -> int:
    folders = scene_folders(args.input)
    if not folders:
        _free(args.output, args.force)
        return _one(args, config, _loaded(config), args.input, args.output, args.masks)
    failed, done = 0, 0
    waiting = {
        name: folder
        for name, folder in folders.items()
        if args.force or not (args.output / name / _DONE).is_file()
    }
    for name in sorted({*folders} - {*waiting}):
        print(f"{args.output / name}: finished before")
    loaded = [_loaded(config)] if waiting else []
    for name, folder in waiting.items():
        try:
            masks = args.masks / name if args.masks else None
            _one(args, config, loaded[0], folder, args.output / name, masks)
            done += 1
        except FoundationStereoError as error:
            print(f"error: {name}: {in_flags(error)}", file=sys.stderr)
            failed += 1
    print(f"{counted(done, 'scene')} done, {len(folders) - len(waiting)} finished before, {failed} failed")
    return _FAILED if failed else 0


def _one(
    args: argparse.Namespace,
    config: SceneSettings,
    reconstructor: SceneReconstructor,
    folder: Path,
    target: Path,
    masks: Path | None,
) -> int:
    from foundation_stereo_ros.estimate.views.files.scene_files import parse_scene_kinds, write_scene

    views = views_of(args, folder, masks)
    if args.poses and not hasattr(args, "known_poses"):
        complete = all(view.pose is not None for view in views)
        config = config.replace(known_poses="fixed" if complete else "start")
    with reserved_folder(target):
        kept = None if hasattr(args, "cache") else target / ".pairs"
        reconstructor.config = config.replace(cache=str(kept)) if kept else config
        scene = _with_distance(args, _solved(reconstructor, views))
        written = write_scene(target, scene, parse_scene_kinds(args.export), config.min_certainty)
        if kept:
            shutil.rmtree(kept, ignore_errors=True)
    for remark in scene.remarks:
        print(f"warning: {in_flags(remark)}", file=sys.stderr)
    print(f"{target}: {_summary(scene)}; {counted(len(written), 'file')}")
    return 0


def _loaded(config: SceneSettings) -> SceneReconstructor:
    from foundation_stereo_ros.estimate.views.reconstructor import SceneReconstructor

    reconstructor = SceneReconstructor(config)
    tell_licence(reconstructor.licence)
    return reconstructor


def _solved(reconstructor: SceneReconstructor, views: list[View]) -> Scene:
    status = StatusLine()

    def tell(stage: str, step: int, steps: int, loss: float) -> None:
        if stage in ("encode", "pairs") or step % 10 == 0:
            told = f", loss {loss:.4g}" if loss == loss else ""
            status.show(f"{stage}: {step} of {steps}{told}")

    try:
        return reconstructor.reconstruct(views, tell)
    finally:
        status.close()


def _check_distance(args: argparse.Namespace) -> None:
    if args.distance:
        try:
            positive(args.distance[2])
        except argparse.ArgumentTypeError as error:
            raise ConfigError(f"--distance ends in {error}") from None


def _with_distance(args: argparse.Namespace, scene: Scene) -> Scene:
    if not args.distance:
        return scene
    first, second, metres = args.distance
    return scene.with_distance(first, second, float(metres))


def _free(folder: Path, force: bool) -> None:
    if (folder / _DONE).exists() and not force:
        raise ConfigError(f"{folder} holds a finished scene", remedy="force")


def _summary(scene: Scene) -> str:
    off = sorted(pair.residual for pair in scene.pairs)
    middle = f", matches are {off[len(off) // 2]:.2f} px off in the middle" if off else ""
    world = " around the foreground" if scene.masked else ""
    return f"{len(scene.views)} cameras{world} by {len(scene.pairs)} pairs{middle}"
