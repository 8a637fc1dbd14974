# SPDX-License-Identifier: Apache-2.0
"""What masks do for an object on a turntable: errors of the alignment.

``PYTHONPATH=test/support python benchmarks/turntable.py``. A ball turns before a still background, seen in
four views of 96 x 72 from -15 to 25 degrees. Depths and matches are those of no network: exact but for 0.3 %
of noise and, of the background, another focal length. Where the scene that the published code was run on is
at hand, it follows. Errors: of the worst pair's rotation; of the worst camera centre, relative to the mean
distance of cameras; of the worst focal length.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import torch
from turned_object import FOCAL, turned_object
from view_scenes import REFERENCE, pose_errors, scene_inputs

from foundation_stereo_ros.estimate.views.alignment.solve import solve
from foundation_stereo_ros.estimate.views.config import AlignmentSettings
from foundation_stereo_ros.estimate.views.masks import contracted, grown
from foundation_stereo_ros.estimate.views.scene import Scene, View


def main() -> None:
    """Print a table for each scene."""
    torch.set_num_threads(1)
    ball = turned_object()
    table(ball.masks, ball.poses, np.full(4, FOCAL), lambda masks, settings: solve(
        ball.solved_with(masks), ball.predictions, ball.matches, settings
    ))  # fmt: skip
    if (REFERENCE / "scene_turntable.npz").is_file():
        data, views, predictions, matches = scene_inputs("turntable")
        strict = scene_inputs("turntable", "strict")[3]

        def solved(masks: Any, settings: AlignmentSettings) -> Scene:
            given = [None] * len(views) if masks is None else masks
            masked = [View(view.name, view.image, mask) for view, mask in zip(views, given, strict=True)]
            same = masks is not None and np.array_equal(masks, data["mask"])
            return solve(masked, predictions, strict if same else matches, settings)

        table(data["mask"], data["true_cam2w"], data["true_focal"], solved)


def table(masks: Any, poses: Any, focals: Any, solved: Callable[[Any, AlignmentSettings], Scene]) -> None:
    """Solve a scene in several ways and print the errors."""
    rows: list[tuple[str, Any, dict[str, Any]]] = [
        ("no masks", None, {"train_intrinsics": "own"}),
        ("masks, coarse stage", masks, {"fine_iterations": 0}),
        ("masks, both stages", masks, {}),
        ("masks, both stages, focal lengths free", masks, {"train_intrinsics": "own"}),
        ("masks 1 px too large", [grown(mask, 1) for mask in masks], {}),
        ("masks 2 px too large", [grown(mask, 2) for mask in masks], {}),
        ("masks 2 px too small", [contracted(mask, 2) for mask in masks], {}),
    ]
    print("\n| | rotation | centre | focal |\n|---|---|---|---|")
    for what, given, changes in rows:
        scene = solved(given, AlignmentSettings(erosion=0, **changes))
        found = pose_errors(np.stack([view.pose for view in scene.views]), poses)
        off = max(abs(view.camera.fx / focal - 1) for view, focal in zip(scene.views, focals, strict=True))
        print(
            f"| {what} | {found.rotation:.2f}° | {100 * found.centre:.1f} % | {100 * off:.1f} % |", flush=True
        )


if __name__ == "__main__":
    main()
