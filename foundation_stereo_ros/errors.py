# SPDX-License-Identifier: Apache-2.0
"""Every error this package raises on purpose: one line that names the value and what was expected."""


class FoundationStereoError(Exception):
    """Base of all errors that a user can cause and mend."""


class ConfigError(FoundationStereoError, ValueError):
    """A parameter is out of its range or contradicts another one."""


class CheckpointError(FoundationStereoError):
    """A weights file is missing, damaged, foreign, or does not fit the network."""


class CalibrationError(FoundationStereoError, ValueError):
    """A camera calibration cannot be used for stereo."""


class ImageError(FoundationStereoError, ValueError):
    """An image has an unknown encoding, or a size that does not fit."""


class DeviceMemoryError(FoundationStereoError):
    """The network's device has too little memory for a pair."""


class BagError(FoundationStereoError):
    """A recording cannot be read or written, or its stereo topics are not clear."""


class FileFormatError(FoundationStereoError, ValueError):
    """A file on disk is not in the format it should have."""


class WireError(FoundationStereoError):
    """Something cannot be sent or received over DDS."""


class PoseError(FoundationStereoError):
    """A camera's pose cannot be used."""
