# SPDX-License-Identifier: Apache-2.0
"""Folders of published weights for posed video, and what is wrong with some."""

from __future__ import annotations

import pickle
from collections.abc import Callable
from pathlib import Path

import pytest
import torch
from posed_scenes import small_network
from seeded_video import seeded_video_network

from foundation_stereo_ros.cli.main import main
from foundation_stereo_ros.errors import CheckpointError
from foundation_stereo_ros.weights import load_checkpoint, save_checkpoint
from foundation_stereo_ros.weights.video import load_video_checkpoint

MODULES = ("feature_extractor", "feature_pyramid", "encoder", "lstm_fusion", "decoder")


@pytest.fixture(scope="module")
def published(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder as the authors publish it: one old-format pickle for each module."""
    folder, model = tmp_path_factory.mktemp("fusionnet"), seeded_video_network(True)
    for place, name in enumerate(MODULES):
        state = model.get_submodule(name).state_dict()
        torch.save(state, folder / f"{place}_{name}", _use_new_zipfile_serialization=False)
    return folder


def _copy(source: Path, target: Path) -> Path:
    target.mkdir()
    for file in source.iterdir():
        (target / file.name).symlink_to(file)
    return target


def test_a_published_folder_loads(published: Path) -> None:
    model, expected = load_video_checkpoint(published), seeded_video_network(True).state_dict()
    assert model.config.recurrent
    for name, tensor in model.state_dict().items():
        torch.testing.assert_close(tensor, expected[name], rtol=0, atol=0)


def test_files_of_the_training_script_and_of_a_newer_torchvision_load(
    published: Path, tmp_path: Path
) -> None:
    for place, name in enumerate(MODULES):
        state = torch.load(published / f"{place}_{name}", weights_only=True)
        newer = {
            key.replace("blocks.0.", "blocks.0.0.") if name == "feature_pyramid" else key: value
            for key, value in state.items()
        }
        torch.save(newer, tmp_path / f"module_{place}_checkpoint.pth.tar_epoch:7_l1:0.1")
    found, expected = load_video_checkpoint(tmp_path), seeded_video_network(True)
    torch.testing.assert_close(found.state_dict(), expected.state_dict(), rtol=0, atol=0)


def test_info_and_convert_know_it(
    published: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["weights", "info", str(published)]) == 0
    assert "deep_video_mvs (fusionnet)" in capsys.readouterr().out
    target = tmp_path / "mine.safetensors"
    assert main(["weights", "convert", str(published), str(target)]) == 0
    torch.testing.assert_close(
        load_video_checkpoint(target).state_dict(), seeded_video_network(True).state_dict(), rtol=0, atol=0
    )
    capsys.readouterr()
    assert main(["weights", "info", str(target)]) == 0
    assert "34,719,358" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("break_it", "message"),
    [
        (lambda folder: (folder / "2_encoder").unlink(), "expected 0_feature_extractor, 1_feature_pyramid"),
        (lambda folder: (folder / "4_encoder").symlink_to(folder / "2_encoder"), "expected one of them"),
        (
            lambda folder: ((folder / "4_decoder").unlink(), (folder / "4_decoder").write_bytes(b"<html>")),
            "4_decoder",
        ),
        (
            lambda folder: (
                (folder / "4_decoder").unlink(),
                (folder / "4_decoder").write_bytes(pickle.dumps(print)),
            ),
            "4_decoder",
        ),
    ],
)
def test_what_is_wrong_with_a_folder_is_said(
    break_it: Callable[[Path], object], message: str, published: Path, tmp_path: Path
) -> None:
    folder = _copy(published, tmp_path / "weights")
    break_it(folder)
    with pytest.raises(CheckpointError, match=message):
        load_video_checkpoint(folder)


def test_each_kind_of_weights_is_refused_where_the_other_is_expected(tmp_path: Path) -> None:
    video = tmp_path / "video.safetensors"
    save_checkpoint(video, small_network())
    with pytest.raises(
        CheckpointError,
        match=r"video\.safetensors: the weights are for posed video; expected",
    ):
        load_checkpoint(video)
    from foundation_stereo_ros.weights.shipped import shipped_checkpoint

    with pytest.raises(
        CheckpointError, match="the weights are for stereo pairs; expected some for posed video"
    ):
        load_video_checkpoint(shipped_checkpoint("tiny"))
