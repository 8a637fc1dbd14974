# SPDX-License-Identifier: Apache-2.0
"""Depth maps of one scene fused into one surface: a truncated signed distance function."""

from __future__ import annotations

from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np

from foundation_stereo_ros.errors import FileFormatError
from foundation_stereo_ros.geometry.camera import Camera
from foundation_stereo_ros.geometry.filters import load_open3d
from foundation_stereo_ros.io.files import atomic_write
from foundation_stereo_ros.io.ply import write_ply
from foundation_stereo_ros.shapes import DepthMap, Matrix, RgbImage


class Fusion:
    """Collects depth maps; gives a mesh and a cloud in the poses' fixed frame.

    Args:
        voxel_size: of the volume, metres.
        far: depths beyond are left out, metres: they are the least exact, and take most memory.

    Raises:
        ConfigError: Open3D does not load here.
    """

    def __init__(self, voxel_size: float, far: float) -> None:
        self._open3d: Any = load_open3d("fusing")
        self._far = far
        integration = self._open3d.pipelines.integration
        self._volume = integration.ScalableTSDFVolume(
            voxel_length=voxel_size,
            sdf_trunc=4 * voxel_size,
            color_type=integration.TSDFVolumeColorType.RGB8,
        )
        self.views = 0

    def add(self, image: RgbImage, depth: DepthMap, camera: Camera, pose: Matrix) -> None:
        """Integrate a view.

        Args:
            image: H x W x 3.
            depth: H x W, metres, NaN where unknown.
            camera: of both.
            pose: 4 x 4, from the camera's optical frame to the fixed frame.
        """
        geometry = self._open3d.geometry
        view = geometry.RGBDImage.create_from_color_and_depth(
            geometry.Image(np.ascontiguousarray(image)),
            geometry.Image(np.nan_to_num(depth, nan=0.0).astype(np.float32)),
            depth_scale=1.0,
            depth_trunc=self._far,
            convert_rgb_to_intensity=False,
        )
        intrinsics = self._open3d.camera.PinholeCameraIntrinsic(
            camera.width, camera.height, camera.fx, camera.fy, camera.cx, camera.cy
        )
        self._volume.integrate(view, intrinsics, np.linalg.inv(pose))
        self.views += 1

    def write(self, folder: Path) -> list[Path]:
        """Write ``mesh.ply`` and ``cloud.ply``.

        Returns:
            The files written.

        Raises:
            FileFormatError: a file cannot be written.
        """
        mesh = self._volume.extract_triangle_mesh()
        mesh.compute_vertex_normals()
        with TemporaryDirectory() as made:
            # Open3D writes to names alone, and goes by their endings.
            file = Path(made) / "mesh.ply"
            if not self._open3d.io.write_triangle_mesh(str(file), mesh):
                raise FileFormatError(f"cannot write {folder / file.name}: Open3D could not write a mesh")
            with atomic_write(folder / file.name) as stream:
                stream.write(file.read_bytes())
        cloud = self._volume.extract_point_cloud()
        colors = np.rint(255 * np.asarray(cloud.colors)).astype(np.uint8)
        write_ply(
            folder / "cloud.ply", np.asarray(cloud.points, np.float32), colors, "fixed frame of the poses"
        )
        return [folder / "mesh.ply", folder / "cloud.ply"]
