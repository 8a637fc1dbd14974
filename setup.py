# SPDX-License-Identifier: Apache-2.0
"""Package description, for pip and for colcon."""

from pathlib import Path

from setuptools import find_packages, setup

NAME = "foundation_stereo_ros"


def files(pattern: str) -> list[str]:
    """Paths as setuptools wants them: relative, as text."""
    return sorted(str(path) for path in Path().glob(pattern))


CLOUD = ["open3d>=0.18"]
TRAIN = ["tensorboard"]
ONNX = ["onnx", "onnxruntime", "onnxscript"]
ONNX_WHERE_WHEELS_ARE = [f'{name}; python_version < "3.14"' for name in ONNX]
# Not for Python 3.14 yet: its wheels end at 3.13, and there are none for Linux on ARM, where it is built.
DDS = ["cyclonedds>=11"]
DDS_WHERE_WHEELS_ARE = [f'{name}; python_version < "3.14" and platform_machine != "aarch64"' for name in DDS]

setup(
    name="foundation-stereo-ros",
    version="0.2.0",
    description="Stereo depth with FoundationStereo, with or without ROS 2: disparity, depth, point clouds.",
    license="Apache-2.0",
    maintainer="foundation_stereo_ros maintainers",
    maintainer_email="maintainers@foundation-stereo-ros.example",
    packages=find_packages(include=[NAME, f"{NAME}.*"]),
    package_data={
        NAME: [
            "py.typed",
            "__init__.pyi",
            "weights/*.safetensors",
            "scenes/layered/photographs/*",
            "demo/walk_data/*.*",
            "demo/walk_data/LICENSE",
            "demo/walk_data/images/*",
        ]
    },
    data_files=[
        ("share/ament_index/resource_index/packages", [f"resource/{NAME}"]),
        (f"share/{NAME}", ["package.xml"]),
        (f"share/{NAME}/config", files("config/*.*")),
        (f"share/{NAME}/config/cameras", files("config/cameras/*.yaml")),
        (f"share/{NAME}/launch", files("launch/*.launch.py")),
    ],
    zip_safe=False,
    python_requires=">=3.10",
    install_requires=[
        "jaxtyping",
        "lz4",
        "mcap",
        "numpy",
        "opencv-python-headless",
        "pyyaml",
        "rosbags>=0.10",
        "safetensors",
        "scipy",
        "timm>=1.0.15",
        "torch>=2.4",
        "tqdm",
        "zstandard",
    ],
    extras_require={
        "cloud": CLOUD,
        "dds": DDS,
        "demo": DDS_WHERE_WHEELS_ARE,
        "onnx": ONNX,
        "train": TRAIN,
        "flash": ["flash-attn"],
        "test": [
            "beartype",
            "hypothesis",
            "import-linter",
            "libusb-package; sys_platform == 'linux'",  # what Open3D loads, where the system has none
            "pytest",
            "pytest-xdist",
            *CLOUD,
            *DDS_WHERE_WHEELS_ARE,
            *ONNX_WHERE_WHEELS_ARE,
            *TRAIN,
        ],
        "lint": ["import-linter", "mypy", "ruff", "types-PyYAML", "types-tqdm"],
    },
    entry_points={
        "console_scripts": [
            f"foundation_stereo = {NAME}.cli.main:main",
            f"stereo_node = {NAME}.ros.node.main:stereo",
            f"video_node = {NAME}.ros.node.main:video",
        ]
    },
)
