# SPDX-License-Identifier: Apache-2.0
"""Which pairs a run is trained and validated on, and how they are cropped."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, Any

from foundation_stereo_ros.datasets.catalog import DATASETS, open_dataset
from foundation_stereo_ros.errors import ConfigError, check_fields
from foundation_stereo_ros.io.outputs import keep

if TYPE_CHECKING:
    from foundation_stereo_ros.datasets.dataset import StereoDataset, StereoItem

SCENES = "scenes"
"""Ray-cast scenes, where a dataset could stand."""

LAYERED = "layered"
"""Painted scenes."""

GENERATED = {SCENES: "ray-cast scenes", LAYERED: "painted scenes"}
"""What is made while the run goes on, and its name for people."""


@dataclass(frozen=True)
class DatasetChoice:
    """A dataset on disk; layouts and options are those of ``foundation_stereo evaluate``.

    Attributes:
        dataset: its layout.
        root: its folder.
        limit: only so many pairs, the first ones; 0: all.
        disparity_scale, render, split: how to read it, where it leaves a choice; 0 or empty: as usual.
    """

    dataset: str
    root: str = ""
    limit: int = 0
    disparity_scale: float = 0.0
    render: str = ""
    split: str = ""

    def __post_init__(self) -> None:
        check_fields("data", self, self._checks())

    def _checks(self) -> list[tuple[str, bool, str]]:
        return [
            ("dataset", self.dataset in self.kinds(), f"one of {', '.join(self.kinds())}"),
            (
                "root",
                bool(self.root) or self.dataset in GENERATED,
                f"the folder of the {self.dataset} dataset",
            ),
            ("limit", self.limit >= 0, "0 or more"),
            ("disparity_scale", self.disparity_scale >= 0, "0 or more"),
            ("render", self.render in ("", "final", "clean"), "final or clean"),
            ("split", self.split in ("", "test", "train", "all"), "test, train or all"),
        ]

    @classmethod
    def kinds(cls) -> tuple[str, ...]:
        """Return what ``dataset`` may be."""
        return tuple(DATASETS)

    def open(self, split: str) -> tuple[StereoDataset, list[StereoItem]]:
        """Open the dataset and find its pairs.

        Args:
            split: the part to take where none is chosen and the dataset has several.

        Raises:
            ConfigError: an option makes no difference to this dataset.
            FileFormatError: the folder is not there, or not laid out like this dataset.
        """
        from foundation_stereo_ros.datasets.dataset import DatasetOptions

        usual = split if "split" in DATASETS[self.dataset] else ""
        given: Mapping[str, Any] = {
            "disparity_scale": self.disparity_scale,
            "render": self.render,
            "split": self.split or usual,
        }
        options = DatasetOptions(**{name: value for name, value in given.items() if value})
        dataset = open_dataset(self.dataset, Path(self.root), options)
        items = list(islice(dataset.items(), self.limit or None))
        keep(path for item in items for path in item.paths)
        return dataset, items


@dataclass(frozen=True)
class TrainingSource(DatasetChoice):
    """Pairs to train on: a dataset, or generated scenes.

    Attributes:
        share: of the pairs that are trained on, beside the other sources' shares.
    """

    share: float = 1.0

    def _checks(self) -> list[tuple[str, bool, str]]:
        return [*super()._checks(), ("share", self.share > 0, "a positive number")]

    @classmethod
    def kinds(cls) -> tuple[str, ...]:
        """Return what ``dataset`` may be."""
        return (*GENERATED, *DATASETS)


def describe(data: Sequence[TrainingSource]) -> str:
    """Say in words what a run is trained on."""
    names = [GENERATED.get(s.dataset) or f"{s.dataset} ({Path(s.root).name})" for s in data]
    return " and ".join(names) or GENERATED[SCENES]


@dataclass(frozen=True)
class CropConfig:
    """How pairs of datasets are cropped; generated scenes have all this already.

    Attributes:
        scale_low, scale_high: the size changes by 2 to the power of something between these.
        stretch: the width by 2 to the power of up to plus or minus this as well.
        stretch_chance: how often it does.
        flip: how often a pair is turned upside down.
    """

    scale_low: float = -0.2
    scale_high: float = 0.4
    stretch: float = 0.2
    stretch_chance: float = 0.8
    flip: float = 0.1

    def __post_init__(self) -> None:
        if not -3 <= self.scale_low <= self.scale_high <= 3:
            found = f"{self.scale_low} and {self.scale_high}"
            raise ConfigError(
                f"crops scale_low and scale_high are {found}; expected the lower one first, -3 to 3"
            )
        for name in ("stretch", "stretch_chance", "flip"):
            if not 0 <= getattr(self, name) <= 1:
                raise ConfigError(f"crops {name} is {getattr(self, name)}; expected 0 to 1")
