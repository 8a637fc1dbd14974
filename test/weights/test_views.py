# SPDX-License-Identifier: Apache-2.0
"""MASt3R's weights in their published layout, and what is wrong with some files."""

from __future__ import annotations

import argparse
import json
import pickle
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import save_file
from seeded_network import REFERENCE
from seeded_views import FULL, SMALL, published_weights, seeded_views_network
from torch import Tensor

from foundation_stereo_ros.cli.main import main
from foundation_stereo_ros.errors import CheckpointError
from foundation_stereo_ros.nets.views import Mast3r, ViewsConfig
from foundation_stereo_ros.weights import load_checkpoint, save_checkpoint
from foundation_stereo_ros.weights.video import load_video_checkpoint
from foundation_stereo_ros.weights.views import load_views_checkpoint, read_views_layout, views_official_name

TEXT = (
    "AsymmetricMASt3R(pos_embed='RoPE100', patch_embed_cls='ManyAR_PatchEmbed', img_size=(512, 512), "
    "head_type='catmlp+dpt', output_mode='pts3d+desc24', depth_mode=('exp', -inf, inf), enc_embed_dim=96, "
    "enc_depth=3, enc_num_heads={heads}, dec_embed_dim=64, dec_depth=12, dec_num_heads=4, two_confs=True)"
)
TINY = ViewsConfig(16, 1, 2, 16, 4, 2, (4, 8, 8, 8), 8, 6)
MANIFESTS = {"manifest_small": SMALL, "manifest_full": FULL}

Weights = dict[str, Tensor]


@pytest.fixture(scope="module")
def weights() -> Weights:
    return published_weights()


def _save_pickle(path: Path, weights: Weights, heads: int = 4, **more: Any) -> Path:
    args = argparse.Namespace(model=TEXT.format(heads=heads), lr=1e-4, epochs=50, resume=None)
    torch.save({"model": weights, "args": args, "epoch": 3, **more}, path)
    return path


def _same(found: Mast3r, expected: Mast3r) -> None:
    assert found.config == expected.config
    torch.testing.assert_close(found.state_dict(), expected.state_dict(), rtol=0, atol=0)


def test_the_published_pickle_loads(weights: Weights, tmp_path: Path) -> None:
    found = load_views_checkpoint(_save_pickle(tmp_path / "model.pth", weights))
    assert not found.training
    _same(found, seeded_views_network())


def test_a_pickle_without_arguments_loads(weights: Weights, tmp_path: Path) -> None:
    torch.save({"model": weights}, tmp_path / "model.pth")
    _same(load_views_checkpoint(tmp_path / "model.pth"), seeded_views_network())


@pytest.mark.parametrize("drop", ["none", "aliases", "names", "unused"])
def test_safetensors_load_whichever_name_of_a_tensor_they_keep(
    drop: str, weights: Weights, tmp_path: Path
) -> None:
    dropped = {
        "none": lambda name: False,
        "aliases": lambda name: ".layer_rn." in name,
        "names": lambda name: "_rn.weight" in name,
        "unused": lambda name: name == "mask_token" or "refinenet4.resConfUnit1" in name,
    }[drop]
    file = tmp_path / "model.safetensors"
    save_file({name: tensor for name, tensor in weights.items() if not dropped(name)}, file)
    _same(load_views_checkpoint(file), seeded_views_network())


def test_the_second_decoder_of_an_older_file_starts_as_the_first(weights: Weights, tmp_path: Path) -> None:
    older = {name: tensor for name, tensor in weights.items() if not name.startswith("dec_blocks2.")}
    found = load_views_checkpoint(_save_pickle(tmp_path / "older.pth", older))
    torch.testing.assert_close(found.decoder2.state_dict(), found.decoder1.state_dict(), rtol=0, atol=0)


def test_heads_are_those_that_the_file_tells(weights: Weights, tmp_path: Path) -> None:
    found = load_views_checkpoint(_save_pickle(tmp_path / "model.pth", weights, heads=8))
    assert found.config == ViewsConfig.from_dict({**SMALL.to_dict(), "encoder_heads": 8})


@pytest.mark.skipif(not REFERENCE.is_dir(), reason=f"no reference outputs in {REFERENCE}")
@pytest.mark.parametrize("name", MANIFESTS)
def test_sizes_are_read_off_the_shapes(name: str) -> None:
    entries = json.loads((REFERENCE / "mast3r" / f"{name}.json").read_text())
    with torch.device("meta"):
        config, tensors = read_views_layout(
            {entry: torch.empty(shape) for entry, shape, _ in entries if ".layer_rn." not in entry}
        )
    assert config == MANIFESTS[name]
    numbers = sum(tensor.numel() for tensor in tensors.values())
    if config == FULL:
        unused = 768 + 2 * 2 * (256 * 256 * 9 + 256)
        assert numbers + unused == 688_638_856  # as published


def test_every_entry_has_its_own_published_name() -> None:
    names = list(seeded_views_network().state_dict())
    official = [views_official_name(name) for name in names]
    assert len(set(official)) == len(names)
    assert set(official) <= set(published_weights())


def test_weights_of_this_package_come_back(tmp_path: Path) -> None:
    model = Mast3r(TINY).eval()
    save_checkpoint(tmp_path / "own.safetensors", model)
    _same(load_views_checkpoint(tmp_path / "own.safetensors"), model)


def test_weights_info_and_convert(
    weights: Weights, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    source, target = _save_pickle(tmp_path / "published.pth", weights), tmp_path / "own.safetensors"
    assert main(["weights", "info", str(source)]) == 0
    told = capsys.readouterr().out
    assert "official checkpoint" in told
    assert "3 blocks of 96 channels" in told
    assert told.count("non-commercial") == 1
    assert main(["weights", "convert", str(source), str(target)]) == 0
    _same(load_views_checkpoint(target), seeded_views_network())
    assert main(["weights", "info", str(target)]) == 0
    told = capsys.readouterr().out
    assert "safetensors of this package" in told
    assert told.count("non-commercial") == 1


def _without(part: str) -> Callable[[Weights], Weights]:
    return lambda weights: {name: tensor for name, tensor in weights.items() if part not in name}


def _with(name: str, tensor: Tensor) -> Callable[[Weights], Weights]:
    return lambda weights: {**weights, name: tensor}


@pytest.mark.parametrize(
    ("change", "told"),
    [
        (_without("head_local_features"), "no head for descriptors, as those of DUSt3R"),
        (_without("downstream_head"), "no head for descriptors, as those of DUSt3R"),
        (_without("downstream_head1.dpt"), "catmlp\\+dpt head"),
        (_without("enc_blocks.1.mlp.fc1.bias"), "1 missing: enc_blocks.1.mlp.fc1.bias"),
        (_without("enc_blocks"), "encoder_depth is 0"),
        (_with("enc_blocks.0.gamma", torch.ones(3)), "1 unexpected: enc_blocks.0.gamma"),
        (_with("dec_norm.weight", torch.ones(7)), r"dec_norm.weight is \[7\], expected \[64\]"),
        (_with("patch_embed.proj.weight", torch.ones(96, 768)), "expected 4 axes"),
        (
            _with("downstream_head2.dpt.scratch.layer_rn.0.weight", torch.ones(256, 96, 3, 3)),
            "layer1_rn.weight stands in the file twice, with different values",
        ),
    ],
)
def test_what_does_not_fit_is_told_in_one_line(
    change: Callable[[Weights], Weights], told: str, weights: Weights, tmp_path: Path
) -> None:
    file = _save_pickle(tmp_path / "model.pth", change(weights))
    with pytest.raises(CheckpointError, match=told) as caught:
        load_views_checkpoint(file)
    assert str(caught.value).startswith(f"{file}: ")
    assert "\n" not in str(caught.value)


def test_another_position_embedding_is_refused(weights: Weights, tmp_path: Path) -> None:
    args = argparse.Namespace(model=TEXT.format(heads=4).replace("RoPE100", "cosine"))
    torch.save({"model": weights, "args": args}, tmp_path / "model.pth")
    with pytest.raises(CheckpointError, match="position embedding cosine; expected RoPE100"):
        load_views_checkpoint(tmp_path / "model.pth")


class _Code:
    def __reduce__(self) -> tuple[Any, ...]:
        return (print, ("executed",))


def test_code_in_a_pickle_is_never_executed(
    weights: Weights, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(CheckpointError, match="code and not weights, and is never executed"):
        load_views_checkpoint(_save_pickle(tmp_path / "model.pth", weights, optimizer=_Code()))
    assert "executed" not in capsys.readouterr().out
    assert b"executed" in pickle.dumps(_Code())


def test_each_loader_says_what_the_weights_are_for(tmp_path: Path) -> None:
    save_checkpoint(tmp_path / "own.safetensors", Mast3r(TINY))
    for load in (load_checkpoint, load_video_checkpoint):
        with pytest.raises(CheckpointError, match="are for views without poses; expected some for"):
            load(tmp_path / "own.safetensors")
    root = Path(__file__).parents[2] / "foundation_stereo_ros" / "weights"
    with pytest.raises(CheckpointError, match="for stereo pairs; expected some for views without poses"):
        load_views_checkpoint(root / "lean.safetensors")
