# SPDX-License-Identifier: Apache-2.0
"""The official checkpoints' names for this network's weights: one table."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

import torch

from foundation_stereo_ros.errors import CheckpointError
from foundation_stereo_ros.nets.stereo.foundation.config import MONOCULAR, NetworkConfig
from foundation_stereo_ros.nets.stereo.foundation.model import FoundationStereo

_DINO = "feature.dino.depth_anything."
_PLANAR = {"0": "conv1.0", "1": "conv1.1", "3": "conv2.0", "4": "conv2.1"}
_GRU_SCALE = {"0": "gru04", "1": "gru08", "2": "gru16"}

# (pattern over our names, official replacement); all are tried in this order, whole components only
_TABLE: tuple[tuple[str, str], ...] = (
    (r"^features\.monocular\.vit\.patch_embed\.", _DINO + "pretrained.patch_embed.proj."),
    (r"^features\.monocular\.vit\.", _DINO + "pretrained."),
    *(
        (rf"^features\.monocular\.dpt\.reduces\.{j}\.", f"{_DINO}depth_head.scratch.layer{j + 1}_rn.")
        for j in range(4)
    ),
    *(
        (rf"^features\.monocular\.dpt\.fusions\.{j}\.", f"{_DINO}depth_head.scratch.refinenet{j + 1}.")
        for j in range(4)
    ),
    (r"(refinenet\d)\.skip\.", r"\1.resConfUnit1."),
    (r"(refinenet\d)\.refine\.", r"\1.resConfUnit2."),
    (r"(refinenet\d)\.project\.", r"\1.out_conv."),
    (r"^features\.monocular\.dpt\.output\.", _DINO + "depth_head.scratch.output_conv1."),
    (r"^features\.monocular\.dpt\.resizes\.", _DINO + "depth_head.resize_layers."),
    (r"^features\.monocular\.dpt\.projects\.", _DINO + "depth_head.projects."),
    (r"^features\.cnn\.", "feature."),
    (r"^features\.up16\.", "feature.deconv32_16."),
    (r"^features\.up8\.", "feature.deconv16_8."),
    (r"^features\.up4\.", "feature.deconv8_4."),
    (r"^(feature\.deconv\w+)\.conv(\d)\.", r"\1.conv2.conv\2."),
    (r"^(feature\.deconv\w+)\.up\.0\.", r"\1.conv1.conv."),
    (r"^features\.fuse\.0\.", "feature.conv4.0.conv."),
    (r"^features\.fuse\.3\.", "feature.conv4.1."),
    (r"^features\.fuse\.4\.", "feature.conv4.2."),
    (r"^image_stem\.layers\.0\.", "stem_2.0.conv."),
    (r"^image_stem\.layers\.3\.", "stem_2.1."),
    (r"^projection\.", "proj_cmb."),
    (r"^cost_stem\.reduce\.", "corr_stem.0."),
    (r"^cost_stem\.mix\.0\.", "corr_stem.1.conv."),
    (r"^cost_stem\.mix\.1\.", "corr_stem.1.bn."),
    (r"^cost_stem\.blocks\.0\.", "corr_stem.2."),
    (r"^cost_stem\.blocks\.1\.", "corr_stem.3."),
    (r"^classifier\.reduce\.0\.", "classifier.0.conv."),
    (r"^classifier\.reduce\.1\.", "classifier.0.bn."),
    (r"^classifier\.block\.", "classifier.1."),
    (r"^classifier\.logits\.", "classifier.2."),
    (r"^(corr_stem|classifier)\.(\d)\.norm(\d)\.", r"\1.\2.bn\3."),
    (r"^cost_stem\.gate\.", "corr_feature_att."),
    (r"^hourglass\.down8\.gate\.", "cost_agg.feature_att_8."),
    (r"^hourglass\.down16\.gate\.", "cost_agg.feature_att_16."),
    (r"^hourglass\.down32\.gate\.", "cost_agg.feature_att_32."),
    (r"^hourglass\.up16\.gate\.", "cost_agg.feature_att_up_16."),
    (r"^hourglass\.up8\.gate\.", "cost_agg.feature_att_up_8."),
    (r"(_att\w*)\.conv1\.", r"\1.feat_att.0.conv."),
    (r"(_att\w*)\.norm\.", r"\1.feat_att.0.bn."),
    (r"(_att\w*)\.conv2\.", r"\1.feat_att.1."),
    (r"^hourglass\.down8\.", "cost_agg.conv1."),
    (r"^hourglass\.down16\.", "cost_agg.conv2."),
    (r"^hourglass\.down32\.", "cost_agg.conv3."),
    (r"^(cost_agg\.conv\d)\.conv\.0\.", r"\1.0.conv."),
    (r"^(cost_agg\.conv\d)\.conv\.1\.", r"\1.0.bn."),
    *((rf"^(cost_agg\.conv\d)\.planar\.{i}\.", rf"\1.1.{name}.") for i, name in _PLANAR.items()),
    (r"^hourglass\.up16\.up\.", "cost_agg.conv3_up."),
    (r"^hourglass\.up8\.up\.", "cost_agg.conv2_up."),
    (r"^hourglass\.up4\.", "cost_agg.conv1_up."),
    (r"^(cost_agg\.conv\d_up)\.0\.", r"\1.conv."),
    (r"^(cost_agg\.conv\d_up)\.1\.", r"\1.bn."),
    (r"^hourglass\.up16\.", "cost_agg.agg_0."),
    (r"^hourglass\.up8\.", "cost_agg.agg_1."),
    (r"^(cost_agg\.agg_\d)\.join\.0\.", r"\1.0.conv."),
    (r"^(cost_agg\.agg_\d)\.join\.1\.", r"\1.0.bn."),
    *(
        (rf"^(cost_agg\.agg_\d)\.planar\.{block}\.{i}\.", rf"\1.{block + 1}.{name}.")
        for block in range(2)
        for i, name in _PLANAR.items()
    ),
    *((rf"^hourglass\.output\.(\d)\.{i}\.", rf"cost_agg.conv_out.\1.{name}.") for i, name in _PLANAR.items()),
    (r"^hourglass\.patch\.", "cost_agg.conv_patch."),
    (r"^hourglass\.transformer\.layers\.", "cost_agg.atts.4.sa."),
    (r"^(cost_agg\.atts\.4\.sa\.\d+)\.(q|k|v|out)\.", r"\1.self_attn.\2_proj."),
    (r"^context\.stem\.0\.", "cnet.conv1."),
    (r"^context\.stem\.1\.", "cnet.norm1."),
    *((rf"^context\.stages\.{i}\.", f"cnet.layer{i + 1}.") for i in range(3)),
    *((rf"^context\.downs\.{i}\.", f"cnet.layer{i + 4}.") for i in range(2)),
    (r"^context\.join\.0\.", "cnet.conv2.conv."),
    (r"^context\.join\.1\.", "cnet.conv2.bn."),
    (r"^context\.heads\.0\.", "cnet.outputs04."),
    (r"^context\.heads\.1\.", "cnet.outputs08."),
    (r"^context\.heads\.2\.(\d)\.0\.", r"cnet.outputs16.\1."),
    (r"^(cnet\..*)\.shortcut\.", r"\1.downsample."),
    (r"^context\.channel_attention\.squeeze\.", "cam.fc."),
    (r"^context\.spatial_attention\.conv\.", "sam.samconv."),
    (r"^update_block\.encoder\.taps\.0\.", "update_block.encoder.convc1."),
    (r"^update_block\.encoder\.taps\.2\.", "update_block.encoder.convc2."),
    (r"^update_block\.encoder\.disparity\.0\.", "update_block.encoder.convd1."),
    (r"^update_block\.encoder\.disparity\.2\.", "update_block.encoder.convd2."),
    (r"^update_block\.encoder\.join\.", "update_block.encoder.conv."),
    *((rf"^update_block\.grus\.{level}\.", f"update_block.{name}.") for level, name in _GRU_SCALE.items()),
    (r"(gru\d\d)\.mix_inputs\.", r"\1.conv0.0."),
    (r"(gru\d\d)\.mix_all\.", r"\1.conv1.0."),
    (r"(gru\d\d)\.(small|large)\.update\.", r"\1.\2_gru.convz."),
    (r"(gru\d\d)\.(small|large)\.reset\.", r"\1.\2_gru.convr."),
    (r"(gru\d\d)\.(small|large)\.candidate\.", r"\1.\2_gru.convq."),
    (r"^update_block\.head\.(\d)\.", r"update_block.disp_head.conv.\1."),
    (r"(disp_head\.conv\.\d)\.depthwise\.", r"\1.dwconv."),
    (r"(disp_head\.conv\.\d)\.expand\.", r"\1.pwconv1."),
    (r"(disp_head\.conv\.\d)\.reduce\.", r"\1.pwconv2."),
    (r"^upsampling\.up\.0\.", "spx_2_gru.conv1.conv."),
    (r"^upsampling\.join\.0\.", "spx_2_gru.conv2.conv."),
    (r"^upsampling\.weights\.", "spx_gru.0."),
)
_RULES = tuple((re.compile(pattern), replacement) for pattern, replacement in _TABLE)


def official_name(name: str) -> str:
    """Return the official name of one of our state-dict entries."""
    for pattern, replacement in _RULES:
        name = pattern.sub(replacement, name)
    return name


def load_official(model: FoundationStereo, mapping: Mapping[str, Any]) -> None:
    """Load weights under their official names, strictly.

    Args:
        model: takes them.
        mapping: official name -> tensor or numpy array; entries that the network never reads must be there
            too.

    Raises:
        CheckpointError: names what is missing, unexpected or misshapen.
    """
    check_official(model, mapping)
    names = {official_name(name): name for name in model.state_dict()}
    model.load_state_dict({name: torch.as_tensor(mapping[official]) for official, name in names.items()})


def check_official(model: FoundationStereo, mapping: Mapping[str, Any]) -> None:
    """Compare official weights with what a network takes, which may be on the device ``meta``.

    Raises:
        CheckpointError: names what is missing, unexpected or misshapen.
    """
    if model.config.monocular is None:
        raise CheckpointError(
            "official weights have a monocular branch; this network's configuration has none"
        )
    shapes = {official_name(name): tuple(value.shape) for name, value in model.state_dict().items()}
    check_entries({**shapes, **unused_entries(model.config)}, mapping)


def check_entries(expected: Mapping[str, tuple[int, ...]], given: Mapping[str, Any]) -> None:
    """Compare a file's entries with the expected names and shapes.

    Raises:
        CheckpointError: names what is missing, unexpected or misshapen, a few of each.
    """
    missing = [name for name in expected if name not in given]
    unexpected = [name for name in given if name not in expected]
    misshapen = [
        f"{name} is {list(getattr(given[name], 'shape', ['not a tensor']))}, expected {list(shape)}"
        for name, shape in expected.items()
        if name in given and tuple(getattr(given[name], "shape", ("?",))) != tuple(shape)
    ]
    faults = [
        f"{len(entries)} {word}: {', '.join(entries[:4])}{', ...' if len(entries) > 4 else ''}"
        for word, entries in (("missing", missing), ("unexpected", unexpected), ("misshapen", misshapen))
        if entries
    ]
    if faults:
        raise CheckpointError("weights do not fit this network; " + "; ".join(faults))


def unused_entries(config: NetworkConfig) -> dict[str, tuple[int, ...]]:
    """Return names and shapes of what official files hold and the network never reads."""
    if config.monocular is None:
        return {}
    spec, width = MONOCULAR[config.monocular], config.hidden_dim
    _, w2, w3 = config.context_widths
    half = spec.features // 2
    scratch = _DINO + "depth_head.scratch."
    entries: dict[str, tuple[int, ...]] = {
        _DINO + "pretrained.mask_token": (1, spec.stage_widths[3]),
        "stem_4.0.conv.weight": (48, 32, 3, 3),
        "stem_4.1.weight": (48, 48, 3, 3),
        **_conv("cnet.down.0", width, width, 4),
        **_norm("cnet.down.1", width),
        **_norm("cnet.norm", 256),
        **_conv(scratch + "output_conv2.0", 32, half, 3),
        **_conv(scratch + "output_conv2.2", 1, 32, 1),
    }
    for i in range(3):
        entries |= _conv(f"context_zqr_convs.{i}", 3 * width, width, 3)
    for i in (1, 2):
        entries |= _conv(f"{scratch}refinenet4.resConfUnit1.conv{i}", spec.features, spec.features, 3)
    # the norm of a projecting shortcut stands in the file twice; the network reads it as downsample.1
    for layer, channels in ((2, w2), (3, w3), (4, width), (5, width)):
        entries |= _norm(f"cnet.layer{layer}.0.norm3", channels)
    return entries


def _conv(name: str, outputs: int, inputs: int, kernel: int) -> dict[str, tuple[int, ...]]:
    return {f"{name}.weight": (outputs, inputs, kernel, kernel), f"{name}.bias": (outputs,)}


def _norm(name: str, width: int) -> dict[str, tuple[int, ...]]:
    vectors = {f"{name}.{leaf}": (width,) for leaf in ("weight", "bias", "running_mean", "running_var")}
    return {**vectors, f"{name}.num_batches_tracked": ()}
