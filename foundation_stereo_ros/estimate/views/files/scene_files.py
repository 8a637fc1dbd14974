# SPDX-License-Identifier: Apache-2.0
"""Scenes on disk, by one table: arrays, clouds, and cameras as other programs read them."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from foundation_stereo_ros.errors import ConfigError, counted
from foundation_stereo_ros.estimate.views.files.picture import overview
from foundation_stereo_ros.estimate.views.scene import Scene, SceneView
from foundation_stereo_ros.geometry.poses import quaternion_of
from foundation_stereo_ros.io.colmap_model import ModelImage, write_colmap
from foundation_stereo_ros.io.files import atomic_write, write_json
from foundation_stereo_ros.io.glb import write_glb
from foundation_stereo_ros.io.pictures import write_depth_png, write_png
from foundation_stereo_ros.io.ply import write_ply
from foundation_stereo_ros.io.report import Figure, Legend, Picture, Report, write_report
from foundation_stereo_ros.io.viewer import viewer_html
from foundation_stereo_ros.io.visualize import colorize_depth, value_range

_OPENGL = np.diag((1.0, -1.0, -1.0, 1.0))
_MODEL_POINTS = 100_000  # of a COLMAP model, whose text form takes 60 bytes for each
_FRUSTUM = 0.06  # of the middle depth


def parse_scene_kinds(text: str) -> tuple[str, ...]:
    """Split "npz,ply,glb".

    Raises:
        ConfigError: a word is none of `SCENE_KINDS`.
    """
    kinds = tuple(dict.fromkeys(word.strip().lower() for word in text.split(",") if word.strip()))
    for kind in kinds:
        if kind not in SCENE_KINDS:
            raise ConfigError(f"unknown export {kind!r}; expected some of {','.join(SCENE_KINDS)}")
    return kinds


def write_scene(folder: Path, scene: Scene, kinds: Collection[str], min_certainty: float = 1.5) -> list[Path]:
    """Write a scene.

    Args:
        folder: made if missing; files of the same names are replaced.
        scene: what to write.
        kinds: some of `SCENE_KINDS`.
        min_certainty: points with less confidence are left out.

    Returns:
        The files written; ``scene.json`` in any case, and last: it says that the others are whole.

    Raises:
        FileFormatError: a file cannot be written.
    """
    written = [
        path for kind in SCENE_KINDS if kind in kinds for path in _WRITERS[kind](folder, scene, min_certainty)
    ]
    write_json(folder / "scene.json", summary(scene))
    return [*written, folder / "scene.json"]


def summary(scene: Scene) -> dict[str, Any]:
    """Return what is known of a scene beside its arrays, as JSON has it."""
    return {
        "views": {
            view.name: {"K": view.camera.matrix.tolist(), "pose": view.pose.tolist()} for view in scene.views
        },
        "pairs": [pair._asdict() for pair in scene.pairs],
        "losses": {stage: [*losses] for stage, losses in scene.losses.items() if np.isfinite(losses).all()},
        "stage": scene.stage,
        "world": "foreground" if scene.masked else "scene",
        "remarks": [str(remark) for remark in scene.remarks],
    }


def _npz(folder: Path, scene: Scene, min_certainty: float) -> list[Path]:
    written = []
    for view in scene.views:
        valid = view.valid(min_certainty)
        written.append(folder / f"{_stem(view)}.npz")
        source = view.source_camera
        with atomic_write(written[-1]) as stream:
            np.savez(
                stream,
                depth=np.where(valid, view.depth, np.float32(np.nan)),
                valid=valid,
                confidence=view.cleaned,
                dense_depth=view.depth,
                K=view.camera.matrix,
                pose=view.pose,
                image=view.image,
                mask=view.mask,
                source_K=source.matrix,
                source_size=np.array((source.width, source.height)),
            )
    return written


def _png(folder: Path, scene: Scene, min_certainty: float) -> list[Path]:
    written = [folder / "overview.png"]
    write_png(written[0], overview(scene, min_certainty))
    for view in scene.views:
        written.append(folder / f"{_stem(view)}_depth.png")
        write_depth_png(written[-1], view.prediction(min_certainty).depth)
    return written


def _ply(folder: Path, scene: Scene, min_certainty: float) -> list[Path]:
    cloud = scene.cloud(min_certainty)
    path = folder / "cloud.ply"
    write_ply(path, cloud.points, cloud.colors, f"of the camera of {scene.views[0].name}", cloud.confidence)
    return [path]


def _glb(folder: Path, scene: Scene, min_certainty: float) -> list[Path]:
    cloud = scene.cloud(min_certainty)
    cameras = [(view.name, view.camera, view.pose) for view in scene.views]
    write_glb(folder / "scene.glb", cloud.points, cloud.colors, cameras, _frustum(scene))
    return [folder / "scene.glb"]


def _colmap(folder: Path, scene: Scene, min_certainty: float) -> list[Path]:
    valid = [view.valid(min_certainty) for view in scene.views]
    step = max(1, round((sum(int(good.sum()) for good in valid) / _MODEL_POINTS) ** 0.5))
    return write_colmap(
        folder / "colmap",
        [_model_image(view, good, step) for view, good in zip(scene.views, valid, strict=True)],
    )


def _model_image(view: SceneView, valid: npt.NDArray[np.bool_], step: int) -> ModelImage:
    rows, columns = (places * step for places in np.nonzero(valid[::step, ::step]))
    pixels = np.stack((columns, rows), axis=1).astype(np.float64)
    return ModelImage(
        view.name,
        view.source_camera,
        view.pose,
        view.grid.to_source(pixels) if view.grid else pixels,
        view.points()[rows, columns],
        view.image[rows, columns],
    )


def _tum(folder: Path, scene: Scene, min_certainty: float) -> list[Path]:
    lines = ["# number tx ty tz qx qy qz qw, camera to world; numbers are those of the views in scene.json"]
    for number, view in enumerate(scene.views):
        numbers = (*view.pose[:3, 3].tolist(), *quaternion_of(view.pose))
        lines.append(f"{number} " + " ".join(f"{value:.9g}" for value in numbers))
    with atomic_write(folder / "trajectory.txt") as stream:
        stream.write(("\n".join(lines) + "\n").encode("ascii"))
    return [folder / "trajectory.txt"]


def _transforms(folder: Path, scene: Scene, min_certainty: float) -> list[Path]:
    frames = []
    for view in scene.views:
        camera = view.source_camera
        frames.append({
            "file_path": view.name, "w": camera.width, "h": camera.height,
            "fl_x": camera.fx, "fl_y": camera.fy, "cx": camera.cx + 0.5, "cy": camera.cy + 0.5,
            "transform_matrix": (view.pose @ _OPENGL).tolist(),
        })  # fmt: skip
    write_json(folder / "transforms.json", {"camera_model": "PINHOLE", "frames": frames})
    return [folder / "transforms.json"]


def _html(folder: Path, scene: Scene, min_certainty: float) -> list[Path]:
    cloud = scene.cloud(min_certainty)
    cameras = [(view.camera, view.pose) for view in scene.views]
    pictures = []
    for view in scene.views:
        depth = view.prediction(min_certainty).depth
        span = value_range(depth, np.isfinite(depth))
        legend = Legend(f"{span.low:.3g} m", f"{span.high:.3g} m", reverse=True)
        pictures += [Picture(view.name, view.image), Picture("Depth", colorize_depth(depth), "", legend)]
    page = Report(
        "Scene",
        f"{counted(len(scene.views), 'camera')}{' around the foreground' if scene.masked else ''}; drag to "
        "turn, wheel to come nearer.",
        [
            Figure("cameras", str(len(scene.views))),
            Figure("points", f"{len(cloud.points):,}", f"with a confidence above {min_certainty:g}"),
            *(
                Figure(
                    f"{pair.first} and {pair.second}", f"{pair.residual:.2f} px", f"{pair.matches} matches"
                )
                for pair in scene.pairs
            ),
        ],
        pictures,
        [str(remark) for remark in scene.remarks],
        viewer_html(cloud.points, cloud.colors, cameras, _frustum(scene)),
    )
    write_report(folder / "scene.html", page)
    return [folder / "scene.html"]


def _frustum(scene: Scene) -> float:
    """How long the pyramids of cameras are."""
    depths = np.concatenate([view.depth[view.mask & (view.depth > 0)] for view in scene.views])
    return _FRUSTUM * (float(np.median(depths)) if len(depths) else 1.0)


def _stem(view: SceneView) -> str:
    return Path(view.name).stem


_WRITERS: Mapping[str, Callable[[Path, Scene, float], Sequence[Path]]] = {
    "npz": _npz,
    "png": _png,
    "ply": _ply,
    "glb": _glb,
    "colmap": _colmap,
    "tum": _tum,
    "transforms": _transforms,
    "html": _html,
}
SCENE_KINDS = tuple(_WRITERS)
"""What `write_scene` can write: arrays and depth pictures of each view, an overview, the coloured cloud,
cloud and cameras for viewers, a COLMAP model, the trajectory, cameras as NeRF programs read them, a page."""
