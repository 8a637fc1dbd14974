# SPDX-License-Identifier: Apache-2.0
"""Seeded weights for the official networks, and the tensors between their stages by name."""

from __future__ import annotations

import re
import zlib
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from foundation_stereo_ros.nets.parts import cost_volume as volumes
from foundation_stereo_ros.nets.stereo import FoundationStereo, NetworkConfig
from foundation_stereo_ros.weights.official import load_official, official_name, unused_entries

# What keeps random weights from dying out on their way to the disparity: factors on 1 / sqrt(fan-in), by
# official name.
GAINS = {
    r"cost_agg\.conv\d_up\.conv\.weight": 4.0,
    r"cost_agg\.conv_patch\.0\.weight": 1.0,
    r"classifier\.2\.weight": -2.0,
    r"(cost_agg|classifier)\..*(conv|conv1|conv2)(\.\d)*\.weight": 1.7,
    r"update_block\.(mask\.\d|encoder\.conv\w*)\.weight": 1.5,
    r"spx_gru\.0\.weight": 3.0,
}


def seeded(name: str, shape: tuple[int, ...], random_statistics: bool) -> np.ndarray:
    """Return the weights that the reference outputs were made with; they follow from name and shape alone."""
    source = name.replace(".norm3.", ".downsample.1.")
    noise = np.random.Generator(np.random.PCG64(zlib.crc32(source.encode()))).standard_normal(shape)
    leaf = name.rpartition(".")[2]
    spread = float(random_statistics)
    if leaf == "running_mean":
        value = 0.1 * spread * noise
    elif leaf == "running_var":
        value = 1 + 0.2 * spread * np.abs(noise)
    elif leaf == "num_batches_tracked":
        value = np.zeros(shape)
    elif leaf.startswith("gamma"):
        value = 0.1 + 0.02 * noise
    elif leaf == "temperature":
        value = 1 + 0.02 * noise
    elif leaf == "pos_embed":
        value = 0.2 * noise
    elif leaf in ("cls_token", "mask_token"):
        value = 0.02 * noise
    elif len(shape) <= 1:
        value = 0.02 * noise + (leaf == "weight")
    else:
        gain = next((g for pattern, g in GAINS.items() if re.fullmatch(pattern, name)), 1.0)
        value = gain * noise / np.sqrt(np.prod(shape[1:]))
    return np.asarray(value, np.float32)


def official_shapes(model: FoundationStereo) -> dict[str, tuple[int, ...]]:
    """Return every entry of an official file for this network."""
    read = {official_name(name): tuple(tensor.shape) for name, tensor in model.state_dict().items()}
    return {**read, **unused_entries(model.config)}


@lru_cache(maxsize=1)
def seeded_network(
    preset: str, attention: str = "disparity", random_statistics: bool = False
) -> FoundationStereo:
    """Return an official network with seeded weights, in evaluation mode; callers leave it as it is."""
    model = FoundationStereo(NetworkConfig.preset(preset, disparity_attention=attention)).eval()
    shapes = official_shapes(model)
    load_official(model, {name: seeded(name, shape, random_statistics) for name, shape in shapes.items()})
    return model


def as_tensor(image: np.ndarray, dtype: torch.dtype = torch.float32) -> Tensor:
    """Turn H x W x 3 into the network's 1 x 3 x H x W."""
    return torch.from_numpy(image).permute(2, 0, 1)[None].to(dtype)


MODULES = {
    "dino.path_4": "features.monocular.dpt.fusions.3",
    "dino.path_1": "features.monocular.dpt.fusions.0",
    "dino.out": "features.monocular.dpt",
    "vit_feat": "features.monocular",
    "edgenext.stem": "features.cnn.stem",
    **{f"edgenext.stage{i}": f"features.cnn.stages.{i}" for i in range(4)},
    "feature.x4": "features.fuse",
    "feature.x8": "features.up8",
    "feature.x16": "features.up16",
    "stem_2x": "image_stem",
    "corr_stem": "cost_stem.blocks",
    "corr_feature_att": "cost_stem",
    "cost_agg.conv3": "hourglass.down32.planar",
    "cost_agg.conv1_up": "hourglass.up4",
    "cost_agg.conv_patch": "hourglass.patch",
    "cost_agg.atts4.layer0.self_attn": "hourglass.transformer.layers.0.out",
    "cost_agg.atts4": "hourglass.transformer",
    "comb_volume": "hourglass",
    **{f"cnet.{s}.{j}": f"context.heads.{i}.{j}" for i, s in enumerate(("04", "08", "16")) for j in (0, 1)},
}


@contextmanager
def recording(model: nn.Module) -> Iterator[dict[str, Tensor]]:
    """Collect the tensors between the stages of the forward passes inside, under the reference's names.

    Volumes are given as the reference has them, disparity first.
    """
    found: dict[str, Tensor] = {}
    calls = {"step": 0}

    def note(name: str) -> Callable[..., None]:
        return lambda module, inputs, output: found.__setitem__(name, output)

    def note_step(module: nn.Module, inputs: tuple[Any, ...], output: Any) -> None:
        calls["step"] += 1
        prefix = f"iter{calls['step']}."
        found.update({f"{prefix}net{i}": state for i, state in enumerate(output.hidden)})
        found[prefix + "geo_feat"] = inputs[3]
        found[prefix + "delta_disp"] = output.increment

    def note_attention(kind: str) -> Callable[..., None]:
        def hook(module: nn.Module, inputs: tuple[Any, ...], output: Tensor) -> None:
            scale = {40: "04", 20: "08", 10: "16"}.get(inputs[0].shape[-2], "?")
            found[f"{kind}.{scale}"] = output

        return hook

    def note_volume(module: Any, inputs: tuple[Tensor, ...]) -> None:
        correlation, _, left_projection, right_projection = inputs
        bins = correlation.shape[-1]
        found["gwc_volume"] = correlation
        fixed = left_projection.unsqueeze(-1).expand(*left_projection.shape, bins)
        found["concat_volume"] = torch.cat((fixed, volumes.shifted(right_projection, bins)), dim=1)
        found["proj_cmb.left"] = left_projection

    hooks = [model.get_submodule(path).register_forward_hook(note(name)) for name, path in MODULES.items()]
    vit = model.get_submodule("features.monocular.vit")
    hooks += [
        vit.register_forward_hook(
            lambda m, i, out: found.update(
                {f"dino.tokens{k}": t.flatten(2).transpose(1, 2) for k, t in enumerate(out)}
            )
        ),
        vit.register_forward_pre_hook(lambda m, i: found.__setitem__("dino.in", i[0])),
        model.get_submodule("features").register_forward_pre_hook(
            lambda m, i: found.__setitem__("norm_in", i[0])
        ),
        model.get_submodule("features").register_forward_hook(
            lambda m, i, o: found.__setitem__("feature.x32", o.f32)
        ),
        model.get_submodule("cost_stem").register_forward_pre_hook(note_volume),
        model.get_submodule("classifier").register_forward_hook(
            lambda m, i, o: found.__setitem__("logits", o.unsqueeze(1))
        ),
        model.get_submodule("update_block").register_forward_hook(note_step),
        model.get_submodule("upsampling").register_forward_pre_hook(
            lambda m, i: found.__setitem__(f"iter{calls['step']}.mask_feat", i[1])
        ),
        model.get_submodule("context.channel_attention").register_forward_hook(note_attention("cam")),
        model.get_submodule("context.spatial_attention").register_forward_hook(note_attention("sam")),
        model.get_submodule("upsampling.weights").register_forward_hook(
            lambda m, i, o: found.__setitem__(f"iter{calls['step']}.up_weights", o.softmax(1))
        ),
    ]
    try:
        yield found
    finally:
        for hook in hooks:
            hook.remove()
        found.update({name: tap.movedim(-1, 2) for name, tap in found.items() if tap.ndim == 5})


DATA = Path(__file__).parents[1] / "data"
REFERENCE = Path(__file__).parents[3] / "shared" / "reference"
