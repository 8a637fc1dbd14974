# SPDX-License-Identifier: Apache-2.0
"""``foundation_stereo train``: train a network from scratch, or fine-tune a checkpoint."""

from __future__ import annotations

import argparse
from collections.abc import Mapping
from contextlib import nullcontext
from pathlib import Path
from typing import TYPE_CHECKING, Any

from foundation_stereo_ros.cli.options import add_limit_option, output
from foundation_stereo_ros.errors import counted
from foundation_stereo_ros.io.outputs import check_free, keep, reserved_folder

if TYPE_CHECKING:
    from foundation_stereo_ros.train.loop import Outcome

_INTERRUPTED = 130
_OVERRIDES = (
    "preset",
    "start_from",
    "steps",
    "minutes",
    "batch",
    "height",
    "width",
    "learning_rate",
    "precision",
    "seed",
    "keep",
    "workers",
)


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the options; loads no torch."""
    add = parser.add_argument
    add("-o", "--out", type=output, required=True, help="folder for the run's state, weights and logs")
    add(
        "--config",
        type=Path,
        help="YAML file with the settings that differ from the defaults; for posed video with system: video",
    )
    add("--preset", help="network to train from scratch, lean or tiny (default: tiny)")
    add(
        "--from",
        dest="start_from",
        metavar="CHECKPOINT",
        help="fine-tune these weights: .safetensors of this package, or NVIDIA's .pth beside its cfg.yaml",
    )
    add("--steps", type=int, help="length of the whole run in steps; the learning rate follows it")
    add("--minutes", type=float, help="length of the whole run in minutes of training, instead of --steps")
    add("--batch", type=int, help="pairs per step; with several processes: per process")
    add("--height", type=int, help="of the pairs in pixels, a multiple of 32")
    add("--width", type=int, help="of the pairs in pixels, a multiple of 32")
    add("--learning-rate", type=float, help="highest learning rate")
    add(
        "--precision",
        choices=("auto", "fp32", "bf16", "fp16"),
        help="arithmetic; auto: bf16 on CUDA, fp32 on a CPU",
    )
    add("--seed", type=int, help="seed of scenes, weights and augmentation")
    add(
        "--keep",
        metavar="FILE",
        help="train only on scenes that this list of foundation_stereo curate keeps",
    )
    add("--workers", type=int, help="processes that plan scenes (default: 4 with CUDA, otherwise none)")
    _add_data_options(parser.add_argument_group("data (default: generated scenes)"))
    add("--device", default="auto", help="cpu, cuda, cuda:1 ...; auto: cuda if there is one")
    add("--resume", action="store_true", help="continue the run in the folder, with its settings")
    add("--max-minutes", type=float, help="stop after so many minutes; --resume continues")
    add("--quiet", action="store_true", help="no progress bar")
    add_limit_option(parser)


def _add_data_options(group: argparse._ArgumentGroup) -> None:
    from foundation_stereo_ros.datasets.catalog import DATASETS

    add = group.add_argument
    add(
        "--dataset",
        choices=tuple(DATASETS),
        help="train on a dataset; layout of the files: docs/evaluation.md",
    )
    add("--root", metavar="DIR", help="folder of the dataset")
    add("--validate-dataset", choices=tuple(DATASETS), help="also validate on a dataset")
    add("--validate-root", metavar="DIR", help="folder of that dataset")
    add("--validate-limit", type=int, metavar="N", help="validate only on its first N pairs")


def run(args: argparse.Namespace) -> int:
    """Train; 0 when complete or out of time, 130 after Ctrl-C (the state is saved)."""
    from foundation_stereo_ros.train.config import TrainingConfig
    from foundation_stereo_ros.train.distributed import find_device, find_place, joined
    from foundation_stereo_ros.train.pictures import CURVE_NAME
    from foundation_stereo_ros.train.run_files import BEST_NAME, LOG_NAME, STATE_NAME, WEIGHTS_NAME
    from foundation_stereo_ros.train.trainer import Trainer
    from foundation_stereo_ros.train.video_config import VideoTrainingConfig
    from foundation_stereo_ros.train.video_trainer import VideoTrainer

    place = find_place()
    device = find_device(args.device, place)
    settings = _settings(args, device.type)
    video = settings.get("system") == "video"
    config = (VideoTrainingConfig if video else TrainingConfig).from_dict(settings)
    inputs = (config.start_from, config.keep if isinstance(config, TrainingConfig) else "")
    keep(Path(name) for name in inputs if name)
    # The first process writes for all.
    with reserved_folder(args.out) if place.first else nullcontext(), joined(place, device) as group:
        names = (STATE_NAME, WEIGHTS_NAME, BEST_NAME, LOG_NAME, CURVE_NAME)
        check_free((args.out / name for name in names), force=True)
        trainer: Trainer | VideoTrainer
        if isinstance(config, VideoTrainingConfig):
            trainer = VideoTrainer(config, args.out, device, resume=args.resume, group=group)
        else:
            trainer = Trainer(config, args.out, device, resume=args.resume, group=group)
        outcome = trainer.run(args.max_minutes, show_progress=not args.quiet)
    if place.first:
        _conclude(args, outcome, trainer.notes)
    return _INTERRUPTED if outcome.interrupted else 0


def _settings(args: argparse.Namespace, device: str) -> dict[str, Any]:
    """Return the settings that differ from the defaults: of the run that goes on, the file, the flags."""
    values: dict[str, Any] = {"workers": 4 if device == "cuda" else 0}
    if args.resume:
        from foundation_stereo_ros.train.run_files import STATE_NAME, read_about

        values = read_about(args.out / STATE_NAME)["config"]
    if args.config is not None:
        from foundation_stereo_ros.train.config import read_settings

        values.update(read_settings(args.config))
    values.update({name: getattr(args, name) for name in _OVERRIDES if getattr(args, name) is not None})
    return {**values, **_data(args)}


def _conclude(args: argparse.Namespace, outcome: Outcome, notes: Mapping[str, str]) -> None:
    state = "complete" if outcome.finished else "interrupted" if outcome.interrupted else "out of time"
    print(f"{state} after {counted(outcome.step, 'step')}; weights: {outcome.weights}")
    if "licence" in notes:
        print(f"note: {notes['licence']}")
    if not outcome.finished:
        print(f"continue with: foundation_stereo train --resume -o {args.out}")


def _data(args: argparse.Namespace) -> dict[str, Any]:
    """Return the settings that name datasets."""
    trained, validated = _dataset(args, ""), _dataset(args, "validate_")
    return {**({"data": [trained]} if trained else {}), **({"validate_on": validated} if validated else {})}


def _dataset(args: argparse.Namespace, prefix: str) -> dict[str, Any]:
    from foundation_stereo_ros.errors import ConfigError

    given = {name: getattr(args, prefix + name, None) for name in ("dataset", "root", "limit")}
    found = {name: value for name, value in given.items() if value is not None}
    if found and not ("dataset" in found and "root" in found):
        flag = f"--{prefix}".replace("_", "-")
        raise ConfigError(f"{flag}dataset is {given['dataset']}, {flag}root {given['root']}; expected both")
    return found
