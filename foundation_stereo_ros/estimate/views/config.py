# SPDX-License-Identifier: Apache-2.0
"""Settings of the alignment of views. Flags, parameters and their documentation are made from the fields."""

from __future__ import annotations

from dataclasses import dataclass

from foundation_stereo_ros.estimate.config import device_setting, precision_setting
from foundation_stereo_ros.estimate.setting import Settings, setting
from foundation_stereo_ros.estimate.views.pairs import check_graph


@dataclass(frozen=True)
class AlignmentSettings(Settings):
    """How views without poses are joined to a scene.

    Raises:
        ConfigError: a value has the wrong type or is out of its range; the message names field, value and
            range.
    """

    graph: str = setting(
        "complete",
        "Which views are compared: complete, swin-3 (each with the next 3), logwin-3 (those 1, 2 and 4 away; "
        "both also with -noncyclic), oneref-0 (all with view 0) or retrieval-20-10 (20 key views, 10 "
        "neighbours).",
    )
    min_confidence: float = setting(
        0.0,
        "A pair whose surest match is not above this is weak.",
        low=0.0,
        high=1e9,
    )
    min_matches: int = setting(20, "A pair with fewer matches is weak.", low=0, high=1000000)
    weak_pairs: str = setting(
        "auto",
        "What becomes of weak pairs: guess (the network's guess of their poses, with little weight) or drop; "
        "auto: drop with masks, otherwise guess.",
        choices=("auto", "guess", "drop"),
    )
    min_pixels: int = setting(
        1024, "A view with fewer usable pixels is left out.", unit="px", low=1, high=100000000
    )
    erosion: int = setting(
        -1,
        "Rim of the masks that is cut off, where pixels mix object and background; -1: 2 px, or 1 px in "
        "images smaller than 256.",
        unit="px",
        low=-1,
        high=100,
    )
    remove_highlights: bool = setting(
        False, "With masks: saturated pixels do not take part, highlights do not turn with the object."
    )
    tree: str = setting(
        "ward",
        "How poses are chained: ward (clusters of views) or span (spanning tree of most matches).",
        choices=("ward", "span"),
    )
    coarse_iterations: int = setting(300, "Steps of the first stage, on poses and sizes.", low=0, high=100000)
    coarse_rate: float = setting(0.07, "Length of its first steps.", low=1e-6, high=10.0)
    coarse_gamma: float = setting(
        0.0,
        "Exponent of its loss; below 1, outliers count less than their distance. 0: 0.5 with masks, otherwise"
        " 1.5.",
        low=0.0,
        high=3.0,
    )
    fine_iterations: int = setting(300, "Steps of the second stage, on pixels; 0: none.", low=0, high=100000)
    fine_rate: float = setting(0.01, "Length of its first steps.", low=1e-6, high=10.0)
    fine_gamma: float = setting(0.5, "Exponent of its loss.", low=0.01, high=3.0)
    max_turn: float = setting(
        5.0,
        "With masks: the second stage is refused if it turns a view against another by more than this.",
        unit="deg",
        low=0.0,
        high=180.0,
    )
    train_intrinsics: str = setting(
        "auto",
        "Focal lengths and principal points in the second stage: fixed, own (each view's), shared (one for "
        "all) or shared_published (as the published code: as many steps an iteration as views); auto: known "
        "ones and those of masked scenes are fixed, others own.",
        choices=("auto", "fixed", "own", "shared", "shared_published"),
    )
    train_principal: bool = setting(True, "Where intrinsics are not fixed, the principal point moves too.")
    train_depth: bool = setting(True, "The second stage corrects depths.")
    depth_multiply: bool = setting(
        False, "A longer focal length stretches the depths; otherwise it moves the camera back."
    )
    depth_logarithm: bool = setting(False, "Depths are corrected by factors.")
    depth_rank: int = setting(
        0, "Smooth functions that correct a view's depths, instead of each anchor; 0: off.", low=0, high=4096
    )
    depth_gamma: float = setting(
        15.0, "With depth_rank: how fast the connection of anchors falls with distance.", low=0.01, high=1e4
    )
    depth_least: float = setting(0.5, "With depth_rank: least scale of a function.", low=1e-6, high=1e3)
    known_poses: str = setting(
        "free",
        "What known poses are: free (not used), start, or fixed (all views need one).",
        choices=("free", "start", "fixed"),
    )
    clean: bool = setting(True, "Points that hide what a surer view sees get a confidence of 0.")
    silhouette: bool = setting(
        False,
        "With masks: points that other views see as background get a confidence of 0; for complete masks "
        "only.",
    )
    min_certainty: float = setting(
        1.5, "Points with less confidence are left out of results.", low=0.0, high=1e6
    )

    def __post_init__(self) -> None:
        super().__post_init__()
        check_graph(self.graph)


@dataclass(frozen=True)
class SceneSettings(AlignmentSettings):
    """Settings of a `SceneReconstructor`.

    Raises:
        ConfigError: a value has the wrong type or is out of its range; the message names field, value and
            range.
    """

    checkpoint: str = setting(
        "",
        "Weights file: MASt3R's, which are for non-commercial use (docs/views.md), or one of this package's "
        "layout. None ship with it.",
        dynamic=False,
    )
    device: str = device_setting()
    precision: str = precision_setting()
    size: int = setting(
        512,
        "Long edge of the images that the network gets; it was trained for 512.",
        unit="px",
        low=32,
        high=4096,
    )
    match_step: int = setting(
        8, "Pixels between the starts of the search for matches; fewer find more.", unit="px", low=1, high=64
    )
    batch: int = setting(0, "Pairs that are predicted at once; 0: 4 on a GPU, otherwise 1.", low=0, high=1024)
    cache: str = setting(
        "",
        "Folder where predictions of pairs are kept, by their content: an interrupted run goes on, and other "
        "settings of the alignment need no prediction. Empty: they stay in memory.",
    )
    cache_limit: float = setting(
        20.0, "Disk space that the cache may take; the oldest go first.", unit="GiB", low=0.01, high=100000.0
    )
