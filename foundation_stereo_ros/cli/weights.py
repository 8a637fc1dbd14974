# SPDX-License-Identifier: Apache-2.0
"""``foundation_stereo weights``: look into a weights file, convert an official one, make a state small."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import TYPE_CHECKING

from foundation_stereo_ros.cli.options import output
from foundation_stereo_ros.errors import counted
from foundation_stereo_ros.io.outputs import check_free, reserved

if TYPE_CHECKING:
    from foundation_stereo_ros.weights.checkpoint import AnyConfig, Checkpoint


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the options; loads no torch."""
    actions = parser.add_subparsers(dest="action", metavar="ACTION", required=True)
    info = actions.add_parser("info", help="show what a weights file contains")
    info.add_argument(
        "file",
        type=Path,
        nargs="?",
        help="file, or the name of weights that ship with the package (default: lean)",
    )
    convert = actions.add_parser("convert", help="write weights and configuration to one safetensors file")
    convert.add_argument(
        "source",
        type=Path,
        help="model_best_bp2.pth beside its cfg.yaml, its folder, a folder of DeepVideoMVS "
        "(0_feature_extractor ...), MASt3R's .pth, or a .safetensors file",
    )
    convert.add_argument("target", type=output, help="file to write, ending in .safetensors")
    convert.add_argument("--force", action="store_true", help="replace the file if it exists")
    compact = actions.add_parser(
        "compact", help="reduce a training state to what another machine needs to continue"
    )
    compact.add_argument("state", type=Path, help="state.safetensors of a run")
    compact.add_argument(
        "target", type=output, help="file to write, ending in .safetensors; an existing one is replaced"
    )


def run(args: argparse.Namespace) -> int:
    """Do one action."""
    if args.action == "info":
        return _info(args.file)
    with reserved(args.target):
        if args.action == "compact":
            return _compact(args.state, args.target)
        return _convert(args.source, args.target, args.force)


def _info(file: Path | None) -> int:
    from foundation_stereo_ros.errors import printable
    from foundation_stereo_ros.weights.checkpoint import read_checkpoint
    from foundation_stereo_ros.weights.shipped import find_checkpoint

    file = find_checkpoint(file or "")
    for name, value in _description(file, read_checkpoint(file)):
        print(printable(f"{name:<12} {value}"))
    return 0


def _description(file: Path, checkpoint: Checkpoint) -> list[tuple[str, str]]:
    tensors = checkpoint.tensors.values()
    numbers = sum(tensor.numel() for tensor in tensors)
    kinds = ", ".join(sorted({str(tensor.dtype).removeprefix("torch.") for tensor in tensors}))
    size = sum(tensor.numel() * tensor.element_size() for tensor in tensors)
    config = checkpoint.config
    return [
        ("file", str(file)),
        ("layout", "official checkpoint" if checkpoint.official else "safetensors of this package"),
        *_parts(config),
        ("tensors", f"{len(checkpoint.tensors)} ({kinds})"),
        ("numbers", f"{numbers:,} ({size / 1e6:.1f} MB)"),
        *_licence(checkpoint),
        *((name, value) for name, value in checkpoint.metadata.items()),
    ]


def _licence(checkpoint: Checkpoint) -> list[tuple[str, str]]:
    from foundation_stereo_ros.nets.views import ViewsConfig
    from foundation_stereo_ros.weights.views import LICENCE

    published = checkpoint.official and isinstance(checkpoint.config, ViewsConfig)
    return [("licence", LICENCE)] if published else []


def _parts(config: AnyConfig) -> list[tuple[str, str]]:
    from foundation_stereo_ros.nets.stereo import NetworkConfig
    from foundation_stereo_ros.nets.video import AnyVideoConfig, VideoConfig
    from foundation_stereo_ros.nets.views import ViewsConfig
    from foundation_stereo_ros.weights.checkpoint import name_of

    name = name_of(config)
    if isinstance(config, ViewsConfig):
        return [
            ("network", name),
            ("encoder", f"{config.encoder_depth} blocks of {config.encoder_width} channels"),
            ("decoders", f"2 of {config.decoder_depth} blocks of {config.decoder_width} channels"),
            ("descriptors", f"{config.descriptor_width} numbers"),
        ]
    if isinstance(config, AnyVideoConfig):
        if isinstance(config, VideoConfig):
            name += " (fusionnet)" if config.recurrent else " (pairnet)"
        planes = f"{config.planes} from {config.min_depth:g} to {config.max_depth:g} m"
        return [("network", name), ("planes", planes)]
    found = [("network", name), ("max_disp", f"{config.max_disp} px")]
    if isinstance(config, NetworkConfig):
        found += [
            ("monocular", config.monocular or "none"),
            ("backbone", config.backbone),
            ("attention", f"over {config.disparity_attention}"),
            ("iterations", str(config.iterations)),
        ]
    return found


def _compact(state: Path, target: Path) -> int:
    from foundation_stereo_ros.train.run_files import compact_state

    progress = compact_state(state, target)
    print(f"wrote {target} ({target.stat().st_size / 1e6:.1f} MB), after {counted(progress.step, 'step')}")
    return 0


def _convert(source: Path, target: Path, force: bool) -> int:
    from foundation_stereo_ros.nets.video import AnyVideoConfig
    from foundation_stereo_ros.nets.views import ViewsConfig
    from foundation_stereo_ros.weights import load_checkpoint, save_checkpoint
    from foundation_stereo_ros.weights.checkpoint import read_checkpoint
    from foundation_stereo_ros.weights.video import load_video_checkpoint
    from foundation_stereo_ros.weights.views import load_views_checkpoint

    check_free([target], force)
    found = read_checkpoint(source)
    notes = {**dict(_licence(found)), **found.metadata, "converted_from": source.name}
    if isinstance(found.config, ViewsConfig):
        save_checkpoint(target, load_views_checkpoint(source), notes)
    else:
        load = load_video_checkpoint if isinstance(found.config, AnyVideoConfig) else load_checkpoint
        save_checkpoint(target, load(source), notes)
    print(f"wrote {target} ({target.stat().st_size / 1e6:.1f} MB)")
    return 0
