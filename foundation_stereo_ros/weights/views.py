# SPDX-License-Identifier: Apache-2.0
"""Weights of networks for views without poses: this package's safetensors, and the published layout.

The published weights of MASt3R are for non-commercial use (CC BY-NC-SA 4.0 and the licences of the data
behind them); none are part of this package.
"""

from __future__ import annotations

import os
import re
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor

from foundation_stereo_ros.errors import CheckpointError, ConfigError
from foundation_stereo_ros.nets.views import Mast3r, ViewsConfig
from foundation_stereo_ros.nets.views.config import PATCH
from foundation_stereo_ros.weights.official import check_entries

if TYPE_CHECKING:
    from foundation_stereo_ros.weights.checkpoint import Checkpoint

LICENCE = "as published: CC BY-NC-SA 4.0 and the licences of their training data; non-commercial use only"
"""Of weights in the published layout, for people."""

_TABLE = (
    (r"^patches\.", "patch_embed.proj."),
    (r"^encoder\.", "enc_blocks."),
    (r"^encoder_norm\.", "enc_norm."),
    (r"^embed\.", "decoder_embed."),
    (r"^decoder1\.", "dec_blocks."),
    (r"^decoder2\.", "dec_blocks2."),
    (r"^decoder_norm\.", "dec_norm."),
    (r"^head(\d)\.", r"downstream_head\1."),
    (r"\.local\.", ".head_local_features."),
    (r"\.dpt\.projects\.(\d)\.", r".dpt.act_postprocess.\1.0."),
    (r"\.dpt\.resizes\.(\d)\.", r".dpt.act_postprocess.\1.1."),
    *((rf"\.dpt\.reduces\.{j}\.", f".dpt.scratch.layer{j + 1}_rn.") for j in range(4)),
    *((rf"\.dpt\.fusions\.{j}\.", f".dpt.scratch.refinenet{j + 1}.") for j in range(4)),
    (r"(refinenet\d)\.skip\.", r"\1.resConfUnit1."),
    (r"(refinenet\d)\.refine\.", r"\1.resConfUnit2."),
    (r"(refinenet\d)\.project\.", r"\1.out_conv."),
    (r"\.dpt\.output\.", ".dpt.head.0."),
    *((rf"^(downstream_head\d)\.points\.{j}\.", rf"\1.dpt.head.{j + 2}.") for j in (0, 2)),
)
_ALIAS = re.compile(r"(.*\.scratch\.)layer_rn\.(\d)\.weight")
_UNUSED = re.compile(r"mask_token|.*\.refinenet4\.resConfUnit1\..*")
_SETTING = re.compile(r"\b(enc_num_heads|dec_num_heads|pos_embed)\s*=\s*['\"]?(\w{1,32})")
_DPT = "downstream_head1.dpt."
_LOCAL = "downstream_head1.head_local_features.fc2.weight"
_HEAD_WIDTH, _FEWEST_HEADS = 64, 4  # channels of an attention head as published; narrow networks have 4 heads


def views_official_name(name: str) -> str:
    """Return the published name of one of our state-dict entries."""
    for pattern, replacement in _TABLE:
        name = re.sub(pattern, replacement, name)
    return name


def is_views_layout(names: Mapping[str, Any]) -> bool:
    """Tell whether tensors have the names of MASt3R, or of a network that it was made from."""
    return "decoder_embed.weight" in names and "enc_norm.weight" in names


def read_views_layout(
    tensors: Mapping[str, Tensor], described: str = ""
) -> tuple[ViewsConfig, dict[str, Tensor]]:
    """Return what a file in the published layout holds, by our names.

    Tensors that stand there twice are taken once, those that the network never reads are left out, and a
    second decoder that is missing starts as a copy of the first one.

    Args:
        tensors: by their published names.
        described: what the file says of the network, as a text with ``name=value``; never executed.

    Raises:
        CheckpointError: the weights are for another network, or some are missing, unexpected or misshapen.
    """
    if _LOCAL not in tensors:
        raise CheckpointError(
            "the weights have no head for descriptors, as those of DUSt3R or CroCo; expected MASt3R's, with "
            "downstream_head1.head_local_features"
        )
    given: dict[str, Tensor] = {}
    for name, tensor in tensors.items():
        if _UNUSED.fullmatch(name):
            continue
        alias = _ALIAS.fullmatch(name)
        own = f"{alias[1]}layer{int(alias[2]) + 1}_rn.weight" if alias else name
        if own in given and not torch.equal(given[own], tensor):
            raise CheckpointError(f"{own} stands in the file twice, with different values")
        given[own] = tensor
    if not any(name.startswith("dec_blocks2.") for name in given):
        first = {name: tensor for name, tensor in given.items() if name.startswith("dec_blocks.")}
        given |= {name.replace("dec_blocks.", "dec_blocks2.", 1): tensor for name, tensor in first.items()}
    config = _config(given, dict(_SETTING.findall(described)))
    with torch.device("meta"):
        state = Mast3r(config).state_dict()
    names = {views_official_name(name): name for name in state}
    check_entries({official: tuple(state[name].shape) for official, name in names.items()}, given)
    return config, {name: given[official] for official, name in names.items()}


def _config(tensors: Mapping[str, Tensor], described: Mapping[str, str]) -> ViewsConfig:
    """Read the sizes off the shapes, and the heads, which no shape tells, from the text where it has them."""
    if described.get("pos_embed", "RoPE100") != "RoPE100":
        raise CheckpointError(
            f"the weights are for position embedding {described['pos_embed']}; expected RoPE100"
        )

    def width(name: str, axes: int) -> int:
        if name not in tensors:
            raise CheckpointError(
                f"the weights have no {name}; expected those of MASt3R with its catmlp+dpt head"
            )
        shape = tensors[name].shape
        if len(shape) != axes:
            raise CheckpointError(f"{name} is {list(shape)}; expected {axes} axes")
        return shape[0]

    def depth(prefix: str) -> int:
        return len({name.split(".")[1] for name in tensors if name.startswith(prefix)})

    def heads(name: str, channels: int) -> int:
        told = described.get(name, "")
        return int(told) if told.isdecimal() else max(_FEWEST_HEADS, channels // _HEAD_WIDTH)

    encoder, decoder = width("patch_embed.proj.weight", 4), width("decoder_embed.weight", 2)
    stages = [width(f"{_DPT}act_postprocess.{j}.0.weight", 4) for j in range(4)]
    try:
        return ViewsConfig(
            encoder_width=encoder,
            encoder_depth=depth("enc_blocks."),
            encoder_heads=heads("enc_num_heads", encoder),
            decoder_width=decoder,
            decoder_depth=depth("dec_blocks."),
            decoder_heads=heads("dec_num_heads", decoder),
            stage_widths=(stages[0], stages[1], stages[2], stages[3]),
            features=width(f"{_DPT}scratch.layer1_rn.weight", 4),
            descriptor_width=width(_LOCAL, 2) // PATCH**2 - 1,
        )
    except ConfigError as error:
        raise CheckpointError(f"the weights fit no network of this kind: {error}") from None


def load_views_checkpoint(path: str | os.PathLike[str], device: str | torch.device = "cpu") -> Mast3r:
    """Build the network that weights belong to and load it, in evaluation mode.

    Args:
        path: MASt3R's published ``.pth``, the same tensors as ``.safetensors``, or a safetensors file of
            `save_checkpoint`.
        device: where the network goes.

    Raises:
        CheckpointError: the weights cannot be used; one line that says why.
    """
    from foundation_stereo_ros.weights.checkpoint import read_checkpoint

    return built_views(path, read_checkpoint(path), device)


def built_views(
    path: str | os.PathLike[str], checkpoint: Checkpoint, device: str | torch.device = "cpu"
) -> Mast3r:
    """Build the network of a checkpoint that was read; otherwise as `load_views_checkpoint`."""
    from foundation_stereo_ros.weights.checkpoint import naming, purpose_of

    with naming(path):
        if not isinstance(checkpoint.config, ViewsConfig):
            raise CheckpointError(
                f"the weights are for {purpose_of(checkpoint.config)}; expected some for views without poses"
            )
        with torch.device("meta"):  # what does not fit is told before memory is taken
            model = Mast3r(checkpoint.config)
        check_entries(
            {name: tuple(own.shape) for name, own in model.state_dict().items()}, checkpoint.tensors
        )
        model.to_empty(device=device)
        model.load_state_dict(dict(checkpoint.tensors))
    return model.eval()
