# SPDX-License-Identifier: Apache-2.0
"""Pictures to a scene, with a small network that has learned nothing: what is computed, kept and refused."""

from __future__ import annotations

import math
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from seeded_views import SMALL, seeded_views_network

from foundation_stereo_ros import SceneReconstructor, SceneSettings, View
from foundation_stereo_ros.errors import CheckpointError, ConfigError, ImageError, SceneError
from foundation_stereo_ros.estimate.views import reconstructor
from foundation_stereo_ros.estimate.views.remarks import SamePicture
from foundation_stereo_ros.estimate.views.scene import Scene
from foundation_stereo_ros.geometry.camera import Camera
from foundation_stereo_ros.nets.views import Mast3r
from foundation_stereo_ros.weights import save_checkpoint

LOOSE: dict[str, Any] = {
    "device": "cpu", "size": 64, "match_step": 2, "min_matches": 1, "min_pixels": 1, "coarse_iterations": 20,
    "fine_iterations": 10,
}  # fmt: skip


def pictures(count: int = 3, rows: int = 96, columns: int = 128) -> list[View]:
    rng = np.random.default_rng(0)
    wide = rng.integers(0, 256, (rows, columns + 8 * count, 3), dtype=np.uint8)
    return [View(f"{k}.png", wide[:, 8 * k : 8 * k + columns].copy()) for k in range(count)]


def made(**settings: Any) -> SceneReconstructor:
    return SceneReconstructor(SceneSettings(**{**LOOSE, **settings}), seeded_views_network())


def equal(one: Scene, other: Scene) -> None:
    assert one.losses == other.losses
    assert [view.name for view in one.views] == [view.name for view in other.views]
    for a, b in zip(one.views, other.views, strict=True):
        assert a.camera == b.camera
        for name in ("image", "pose", "depth", "confidence", "cleaned", "mask"):
            np.testing.assert_array_equal(getattr(a, name), getattr(b, name))


class Counted:
    """How many images were encoded, and pairs decoded."""

    def __init__(self, model: Mast3r) -> None:
        self.images = self.pairs = 0
        self._hooks = [
            model.patches.register_forward_hook(self._image),
            model.head1.register_forward_hook(self._pair),
        ]

    def _image(self, *_: Any) -> None:
        self.images += 1

    def _pair(self, module: Any, given: Any, out: Any) -> None:
        self.pairs += len(out.points)

    def __enter__(self) -> Counted:
        return self

    def __exit__(self, *_: Any) -> None:
        for hook in self._hooks:
            hook.remove()


def test_views_are_encoded_once_and_pairs_decoded_in_both_orders() -> None:
    told: list[tuple[str, int, int, float]] = []
    with Counted(seeded_views_network()) as count:
        scene = made().reconstruct(pictures(4), progress=lambda *step: told.append(step))
    assert (count.images, count.pairs) == (4, 2 * 6)
    assert [view.name for view in scene.views] == ["0.png", "1.png", "2.png", "3.png"]
    assert scene.views[0].depth.shape == (48, 64)
    stages = [step[0] for step in told]
    assert [stages.count(name) for name in ("encode", "pairs", "coarse", "fine")] == [4, 6, 20, 10]
    assert math.isnan(told[0][3])
    assert told[4][:3] == ("pairs", 0, 6)
    assert scene.views[1].source_camera.width == 128
    assert scene.views[1].source_camera.fx == pytest.approx(2 * scene.views[1].camera.fx)


def test_the_same_pictures_give_the_same_scene_however_they_are_computed(tmp_path: Path) -> None:
    first = made().reconstruct(pictures())
    equal(first, made().reconstruct(pictures()))
    cached = made(cache=str(tmp_path))
    equal(first, cached.reconstruct(pictures()))
    with Counted(seeded_views_network()) as count:
        equal(first, made(cache=str(tmp_path)).reconstruct(pictures()))
    assert count.pairs == 0
    batched = made(batch=3).reconstruct(pictures())
    assert batched.losses["coarse"][0] == pytest.approx(first.losses["coarse"][0], rel=1e-3)


def test_what_is_cached_belongs_to_pictures_masks_weights_and_settings(tmp_path: Path) -> None:
    views = pictures(2)
    mask = np.ones((96, 128), bool)
    mask[:, :30] = False
    changed = views[0].image.copy()
    changed[50, 50] ^= 64
    other = Mast3r(SMALL)
    other.load_state_dict(seeded_views_network().state_dict())
    with torch.no_grad():
        other.embed.bias += 0.01

    def files(views: list[View], model: Mast3r | None = None, **settings: Any) -> int:
        config = SceneSettings(**{**LOOSE, "cache": str(tmp_path), **settings})
        SceneReconstructor(config, model or seeded_views_network()).reconstruct(views)
        return len(list(tmp_path.glob("*.pair")))

    assert files(views) == 1
    assert files(views, coarse_iterations=3) == 1
    assert files([replace(views[0], name="renamed.png"), views[1]]) == 1
    assert files([replace(views[0], image=changed), views[1]]) == 2
    assert files([replace(views[0], mask=mask), views[1]]) == 3
    assert files(views, match_step=4) == 4
    assert files(views, size=128) == 5
    assert files(views, model=other) == 6


@pytest.mark.parametrize(
    "damage",
    [
        lambda path: path.write_bytes(path.read_bytes()[:-100]),
        lambda path: path.write_bytes(b""),
        lambda path: path.write_bytes(b"\x80\x04cos\nsystem\n"),
        lambda path: path.write_bytes(path.read_bytes()[:-50] + bytes(50)),
        lambda path: (path.unlink(), path.mkdir()),
        lambda path: path.unlink(),
    ],
)
def test_damaged_entries_are_computed_again(damage: Any, tmp_path: Path) -> None:
    first = made(cache=str(tmp_path)).reconstruct(pictures())
    path = min(tmp_path.glob("*.pair"))
    damage(path)
    with Counted(seeded_views_network()) as count:
        if path.is_dir():
            with pytest.raises(Exception, match="cannot write"):
                made(cache=str(tmp_path)).reconstruct(pictures())
            return
        equal(first, made(cache=str(tmp_path)).reconstruct(pictures()))
    assert count.pairs == 2
    with Counted(seeded_views_network()) as count:
        made(cache=str(tmp_path)).reconstruct(pictures())
    assert count.pairs == 0


def test_the_cache_keeps_within_its_limit(tmp_path: Path) -> None:
    entry = 2 * 32 * 48 * 64  # bytes of two views
    limit = 4.5 * entry / 2**30
    settings = {"cache": str(tmp_path), "cache_limit": max(limit, 0.01)}
    many = int(0.01 * 2**30 / entry)
    for k in range(many + 3):
        path = tmp_path / f"old{k}.pair"
        path.write_bytes(bytes(entry))
    made(**settings).reconstruct(pictures())
    sizes = [path.stat().st_size for path in tmp_path.glob("*.pair")]
    assert sum(sizes) <= 1.01 * settings["cache_limit"] * 2**30
    assert len(list(tmp_path.glob("old*"))) > many - 5


def test_an_interrupted_run_goes_on(tmp_path: Path) -> None:
    asked: list[int] = []

    def stop() -> bool:
        asked.append(0)
        return len(asked) > 4

    with pytest.raises(SceneError, match="stopped after 4 of 6 pairs: the cache has these pairs"):
        made(cache=str(tmp_path)).reconstruct(pictures(4), stop=stop)
    with Counted(seeded_views_network()) as count:
        made(cache=str(tmp_path)).reconstruct(pictures(4))
    assert count.pairs == 2 * 2


def test_too_many_pairs_are_refused_before_anything_is_computed(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr(reconstructor, "available_bytes", lambda: 3 * 2**20)
    with Counted(seeded_views_network()) as count:
        with pytest.raises(
            SceneError, match=r"12 views make 66 pairs, which take 0\.0 GiB; expected"
        ) as told:
            made().reconstruct(pictures(12))
        assert told.value.remedies == [{"cache": "FOLDER"}, {"graph": "swin-3"}]
        with pytest.raises(SceneError, match=r"60 views make 1770 pairs, .* of the cache"):
            made(cache=str(tmp_path), cache_limit=0.1).reconstruct(pictures(60))
    assert count.images == 0


def test_views_of_any_size_with_masks_and_cameras() -> None:
    views = pictures()
    tall = np.random.default_rng(1).integers(0, 256, (200, 150, 3), dtype=np.uint8)
    mask = np.zeros((96, 128), bool)
    mask[20:80, 20:100] = True
    camera = Camera(128, 96, 140, 140, 63.5, 47.5)
    scene = made().reconstruct(
        [replace(views[0], mask=mask), replace(views[1], camera=camera), View("t", tall)]
    )
    assert [view.depth.shape for view in scene.views] == [(48, 64), (48, 64), (64, 48)]
    assert scene.masked
    assert not scene["0.png"].cleaned[:8].any()
    assert scene["1.png"].source_camera.fx == pytest.approx(140)
    assert scene["1.png"].source_camera.cx == pytest.approx(63.5)


def test_retrieval_asks_the_encoder_which_views_are_alike() -> None:
    scene = made(graph="retrieval-2-1").reconstruct(pictures(5))
    assert 1 <= len(scene.pairs) < 10


def test_copies_are_left_out_by_name() -> None:
    views = pictures()
    scene = made().reconstruct([*views, replace(views[1], name="copy.png")])
    assert scene.remarks[0] == SamePicture("copy.png", "1.png")
    assert str(scene.remarks[0]) == "copy.png is left out: it is the same picture as 1.png"
    with pytest.raises(SceneError, match="the 2 views are all the same picture; expected some"):
        made().reconstruct([views[0], replace(views[0], name="copy.png")])


def test_input_that_makes_no_scene_is_named() -> None:
    views = pictures()
    with pytest.raises(SceneError, match="a scene of 0 views; expected 2 or more"):
        made().reconstruct([])
    with pytest.raises(SceneError, match=r"2 views are called '0\.png'"):
        made().reconstruct([views[0], replace(views[1], name="0.png")])
    narrow = View("narrow.png", np.zeros((4, 400, 3), np.uint8))
    with pytest.raises(ImageError, match=r"narrow\.png: image is 400 x 4 pixels"):
        made().reconstruct([views[0], narrow])
    flat = [View(f"{k}", np.full((96, 128, 3), k, np.uint8)) for k in range(2)]
    with pytest.raises(SceneError, match="no two of the 2 views share enough matches"):
        made(min_matches=10**5, weak_pairs="drop").reconstruct(flat)


def test_weights_are_named_by_a_path(tmp_path: Path) -> None:
    with pytest.raises(CheckpointError, match="none ship with this package") as told:
        SceneReconstructor()
    assert told.value.remedies == ({"checkpoint": ""},)
    save_checkpoint(tmp_path / "small.safetensors", seeded_views_network())
    loaded = SceneReconstructor.load(tmp_path / "small.safetensors", **LOOSE)
    equal(loaded.reconstruct(pictures()), made().reconstruct(pictures()))
    assert loaded.engine().precision == "float32"
    with pytest.raises(ConfigError, match="unknown setting 'sise'"):
        SceneReconstructor.load(tmp_path / "small.safetensors", sise=3)


def test_full_masks_are_no_masks() -> None:
    full = np.ones((96, 128), bool)
    masked = made().reconstruct([replace(view, mask=full) for view in pictures()])
    equal(masked, made().reconstruct(pictures()))
    assert not masked.masked


def test_a_view_with_an_empty_mask_is_left_out_by_name() -> None:
    views = pictures()
    scene = made().reconstruct([replace(views[0], mask=np.zeros((96, 128), bool)), *views[1:]])
    assert [view.name for view in scene.views] == ["1.png", "2.png"]
    assert "0.png is left out: its mask has 0 usable pixels; expected 1 or more" in map(str, scene.remarks)
