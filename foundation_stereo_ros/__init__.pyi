# SPDX-License-Identifier: Apache-2.0
# What type checkers read in place of __init__.py, whose names are loaded late.
from foundation_stereo_ros.errors import (
    BagError as BagError,
    CalibrationError as CalibrationError,
    CheckpointError as CheckpointError,
    ConfigError as ConfigError,
    DeviceMemoryError as DeviceMemoryError,
    FileFormatError as FileFormatError,
    FoundationStereoError as FoundationStereoError,
    ImageError as ImageError,
    PoseError as PoseError,
    SceneError as SceneError,
    WireError as WireError,
)
from foundation_stereo_ros.estimate.config import (
    CloudSettings as CloudSettings,
    PipelineConfig as PipelineConfig,
    RectificationSettings as RectificationSettings,
)
from foundation_stereo_ros.estimate.stereo.estimator import StereoEstimator as StereoEstimator
from foundation_stereo_ros.estimate.interface import (
    Engine as Engine,
    Estimator as Estimator,
    StereoSample as StereoSample,
)
from foundation_stereo_ros.estimate.prediction import Prediction as Prediction, StereoMatch as StereoMatch
from foundation_stereo_ros.estimate.stereo.rectification import StereoRectification as StereoRectification
from foundation_stereo_ros.estimate.remarks import (
    BehindInfinity as BehindInfinity,
    NewRemarks as NewRemarks,
    Remark as Remark,
    RowsOff as RowsOff,
    SidesExchanged as SidesExchanged,
    TooNear as TooNear,
)
from foundation_stereo_ros.estimate.video.estimator import (
    PosedImage as PosedImage,
    VideoEstimator as VideoEstimator,
)
from foundation_stereo_ros.estimate.video.config import VideoSettings as VideoSettings
from foundation_stereo_ros.estimate.views.config import SceneSettings as SceneSettings
from foundation_stereo_ros.estimate.views.reconstructor import SceneReconstructor as SceneReconstructor
from foundation_stereo_ros.estimate.views.scene import Scene as Scene, SceneView as SceneView, View as View
from foundation_stereo_ros.geometry.calibration import Calibration as Calibration
from foundation_stereo_ros.geometry.camera import Camera as Camera, StereoRig as StereoRig
from foundation_stereo_ros.io.calibration import read_camera_info as read_camera_info
from foundation_stereo_ros.nets.stereo import (
    FoundationStereo as FoundationStereo,
    LeanConfig as LeanConfig,
    LeanStereo as LeanStereo,
    NetworkConfig as NetworkConfig,
    for_inference as for_inference,
    pad_to_multiple as pad_to_multiple,
)
from foundation_stereo_ros.nets.video import (
    DeepVideoMVS as DeepVideoMVS,
    LeanVideo as LeanVideo,
    LeanVideoConfig as LeanVideoConfig,
    VideoConfig as VideoConfig,
)
from foundation_stereo_ros.rigs import (
    rig_from_camera_info as rig_from_camera_info,
    rig_from_file as rig_from_file,
)
from foundation_stereo_ros.ros.messages.camera_info import decode_camera_info as decode_camera_info
from foundation_stereo_ros.weights import (
    load_checkpoint as load_checkpoint,
    save_checkpoint as save_checkpoint,
)
from foundation_stereo_ros.weights.shipped import shipped_checkpoint as shipped_checkpoint

__version__: str
