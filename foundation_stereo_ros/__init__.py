# SPDX-License-Identifier: Apache-2.0
"""Depth from stereo images and posed video, with and without ROS 2.

``from foundation_stereo_ros import StereoEstimator, StereoRig``; docs/library.md shows how. A name is loaded
when it is first used: importing the package loads no torch, NumPy or OpenCV. Type checkers read
``__init__.pyi``.
"""

from importlib import import_module

__version__ = "0.2.0"

_MODULES = {
    "errors": "BagError CalibrationError CheckpointError ConfigError DeviceMemoryError FileFormatError"
    " FoundationStereoError ImageError PoseError SceneError WireError",
    "estimate.config": "CloudSettings PipelineConfig RectificationSettings",
    "estimate.stereo.estimator": "StereoEstimator",
    "estimate.interface": "Engine Estimator StereoSample",
    "estimate.prediction": "Prediction StereoMatch",
    "estimate.stereo.rectification": "StereoRectification",
    "estimate.remarks": "BehindInfinity NewRemarks Remark RowsOff SidesExchanged TooNear",
    "estimate.video.estimator": "PosedImage VideoEstimator",
    "estimate.video.config": "VideoSettings",
    "estimate.views.config": "SceneSettings",
    "estimate.views.reconstructor": "SceneReconstructor",
    "estimate.views.scene": "Scene SceneView View",
    "geometry.calibration": "Calibration",
    "geometry.camera": "Camera StereoRig",
    "io.calibration": "read_camera_info",
    "nets.stereo": "FoundationStereo LeanConfig LeanStereo NetworkConfig for_inference pad_to_multiple",
    "nets.video": "DeepVideoMVS LeanVideo LeanVideoConfig VideoConfig",
    "rigs": "rig_from_camera_info rig_from_file",
    "ros.messages.camera_info": "decode_camera_info",
    "weights": "load_checkpoint save_checkpoint",
    "weights.shipped": "shipped_checkpoint",
}
"""Module -> the public names in it."""

_MODULE_OF = {name: module for module, names in _MODULES.items() for name in names.split()}

__all__ = ["__version__", *sorted(_MODULE_OF)]


def __getattr__(name: str) -> object:
    if name not in _MODULE_OF:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    value = getattr(import_module(f"{__name__}.{_MODULE_OF[name]}"), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
