# SPDX-License-Identifier: Apache-2.0
"""Pictures and masks as people have them in folders."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
import pytest
from noted_pictures import jpeg

from foundation_stereo_ros.errors import FileFormatError, ImageError
from foundation_stereo_ros.estimate.views.files.folder import (
    focal_from_exif,
    picture_files,
    read_views,
    with_poses,
)

IMAGE = np.random.default_rng(0).integers(0, 256, (24, 40, 3), dtype=np.uint8)
MASK = np.zeros((24, 40), bool)
MASK[4:20, 10:30] = True


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    cv2.imwrite(str(tmp_path / "a.png"), IMAGE)
    (tmp_path / "masks").mkdir()
    return tmp_path


def mask_of(folder: Path, alpha: bool = True) -> np.ndarray | None:
    masks = folder / "masks"
    (view,) = read_views([folder / "a.png"], masks if any(masks.iterdir()) else None, alpha)
    return view.mask


def test_nine_comes_before_ten(tmp_path: Path) -> None:
    for name in ("10.jpg", "9.JPG", "notes.txt", ".hidden.png", "b2.png"):
        (tmp_path / name).write_bytes(b"x")
    assert [path.name for path in picture_files(tmp_path)] == ["9.JPG", "10.jpg", "b2.png"]


@pytest.mark.parametrize(
    "name", ["a.png", "a_mask.png", "a-mask.png", "a.mask.png", "a.png.png", "mask_a.jpg", "a_matte.tif"]
)
def test_masks_are_found_by_many_names(folder: Path, name: str) -> None:
    cv2.imwrite(str(folder / "masks" / name), MASK.astype(np.uint8) * 255)
    np.testing.assert_array_equal(mask_of(folder), MASK)


@pytest.mark.parametrize(
    "pixels",
    [
        MASK.astype(np.uint8),  # 0 and 1
        MASK.astype(np.uint16) * 65535,
        np.repeat(MASK[..., None], 3, 2).astype(np.uint8) * 255,
        np.dstack((IMAGE, MASK.astype(np.uint8) * 255)),  # cut out
        np.where(MASK, 200, 90).astype(np.uint8),
    ],
)
def test_masks_have_many_forms(folder: Path, pixels: np.ndarray) -> None:
    cv2.imwrite(str(folder / "masks" / "a.png"), pixels)
    np.testing.assert_array_equal(mask_of(folder), MASK)


def test_an_alpha_channel_is_a_mask_unless_it_hides_nothing(folder: Path) -> None:
    cv2.imwrite(str(folder / "a.png"), np.dstack((IMAGE, MASK.astype(np.uint8) * 255)))
    np.testing.assert_array_equal(mask_of(folder), MASK)
    assert mask_of(folder, alpha=False) is None
    cv2.imwrite(str(folder / "a.png"), np.dstack((IMAGE, np.full_like(IMAGE[..., 0], 255))))
    assert mask_of(folder) is None


def test_pictures_are_upright_and_their_masks_too(tmp_path: Path) -> None:
    (tmp_path / "a.jpg").write_bytes(jpeg(6, 28))
    masks = tmp_path / "masks"
    masks.mkdir()
    cv2.imwrite(str(masks / "a.png"), MASK.astype(np.uint8) * 255)  # as the picture is stored
    (view,) = read_views([tmp_path / "a.jpg"], masks, camera_of=focal_from_exif)
    np.testing.assert_array_equal(view.image, cv2.imread(str(tmp_path / "a.jpg"))[..., ::-1])
    np.testing.assert_array_equal(view.mask, np.rot90(MASK, -1))
    assert view.camera is not None
    assert view.camera.fx == pytest.approx(28 * np.hypot(24, 40) / np.hypot(24, 36))
    cv2.imwrite(str(masks / "a.png"), np.rot90(MASK, -1).astype(np.uint8) * 255)  # as it is seen
    (view,) = read_views([tmp_path / "a.jpg"], masks)
    np.testing.assert_array_equal(view.mask, np.rot90(MASK, -1))


def test_grey_and_16_bit(tmp_path: Path) -> None:
    cv2.imwrite(str(tmp_path / "grey.png"), IMAGE[..., 0])
    cv2.imwrite(str(tmp_path / "deep.png"), IMAGE.astype(np.uint16) * 257)
    views = read_views([tmp_path / "grey.png", tmp_path / "deep.png"])
    np.testing.assert_array_equal(views[0].image, np.repeat(IMAGE[..., :1], 3, 2))
    np.testing.assert_array_equal(views[1].image, IMAGE[..., ::-1])


def test_poses_go_by_names_and_numbers(folder: Path) -> None:
    cv2.imwrite(str(folder / "10.png"), IMAGE)
    cv2.imwrite(str(folder / "b.png"), IMAGE)
    views = read_views(picture_files(folder))
    assert [view.name for view in views] == ["10.png", "a.png", "b.png"]
    poses = folder / "poses.txt"
    poses.write_text("b.png 1 2 3 0 0 0 1\n10, 4, 5, 6, 0, 0, 0, 2\n")
    found = [view.pose for view in with_poses(views, poses)]
    assert found[1] is None
    assert found[0] is not None
    assert found[0][:3, 3].tolist() == [4, 5, 6]
    poses.write_text("1 7 8 9 0 0 0 1\n")
    assert with_poses(views, poses)[1].pose is not None
    for line in ("3 0 0 0 0 0 0 1", "c.png 0 0 0 0 0 0 1", "0 0 0 0 0 0 1", "-1 0 0 0 0 0 0 1"):
        poses.write_text(f"{line}\n")
        with pytest.raises(FileFormatError, match=r"has the line .*; expected the name or number of one"):
            with_poses(views, poses)
    poses.write_text("0 0 0 0 0 0 0 0\n")
    with pytest.raises(FileFormatError, match="that is not 0"):
        with_poses(views, poses)


def test_what_cannot_be_used_is_named(folder: Path) -> None:
    with pytest.raises(FileFormatError, match=r"absent is no folder; expected one with pictures"):
        picture_files(folder / "absent")
    with pytest.raises(FileFormatError, match=r"masks holds no pictures"):
        picture_files(folder / "masks")
    cv2.imwrite(str(folder / "masks" / "b.png"), MASK.astype(np.uint8))
    with pytest.raises(FileFormatError, match=r"masks \(1 file\) has no mask for a\.png; expected a\.png or"):
        mask_of(folder)
    cv2.imwrite(str(folder / "masks" / "a.png"), MASK[:20].astype(np.uint8))
    with pytest.raises(ImageError, match=r"masks/a\.png is 40 x 20 pixels; expected 40 x 24, as a\.png"):
        mask_of(folder)
    with pytest.raises(ImageError, match=r"a\.png notes no focal length"):
        read_views([folder / "a.png"], camera_of=focal_from_exif)
    (folder / "phone.HEIC").write_bytes(b"\0\0\0\x18ftypheic")
    with pytest.raises(FileFormatError, match=r"phone\.HEIC is of a kind that is not read.*heif-convert"):
        picture_files(folder)
    (folder / "phone.HEIC").unlink()
    cv2.imwrite(str(folder / "a.jpg"), IMAGE)
    with pytest.raises(FileFormatError, match="has 2 pictures called 'a'"):
        picture_files(folder)
