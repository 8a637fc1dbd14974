# SPDX-License-Identifier: Apache-2.0
"""The datasets by name. Loads no numpy before one is opened, so that a command's help comes at once."""

from __future__ import annotations

import importlib
from pathlib import Path
from typing import TYPE_CHECKING

from foundation_stereo_ros.errors import ConfigError, FileFormatError

if TYPE_CHECKING:
    from foundation_stereo_ros.datasets.dataset import DatasetOptions, StereoDataset

DATASETS = {
    "middlebury": ("disparity_scale",),
    "eth3d": (),
    "kitti": (),
    "sceneflow": ("render", "split"),
    "fsd": (),
    "folder": ("disparity_scale",),
}
"""Name, which is also the module's name in this package -> the options it understands."""


def open_dataset(name: str, root: Path, options: DatasetOptions | None = None) -> StereoDataset:
    """Open a dataset.

    Args:
        name: one of `DATASETS`.
        root: its folder.
        options: how to read it; those it does not understand keep their defaults.

    Raises:
        ConfigError: there is no dataset of this name, or an option makes no difference to it.
        FileFormatError: the folder is not there, or not laid out like this dataset.
    """
    from foundation_stereo_ros.datasets.dataset import DatasetOptions

    if name not in DATASETS:
        raise ConfigError(f"unknown dataset {name!r}; expected one of {', '.join(DATASETS)}")
    options, defaults = options or DatasetOptions(), DatasetOptions()
    for option, value in vars(options).items():
        if option not in DATASETS[name] and value != getattr(defaults, option):
            raise ConfigError(f"{option} is {value!r}; dataset {name} has no such choice")
    if not root.is_dir():
        raise FileFormatError(f"{root} is not a folder; expected that of the dataset {name}")
    dataset: StereoDataset = importlib.import_module(f"{__package__}.{name}").open_root(root, options)
    return dataset
