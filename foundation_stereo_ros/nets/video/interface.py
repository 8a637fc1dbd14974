# SPDX-License-Identifier: Apache-2.0
"""What all networks for posed video take and return."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

from torch import Tensor, nn

from foundation_stereo_ros.errors import ImageError

MULTIPLE = 32
"""Both sides of the images must be multiples of this."""


class Motion(NamedTuple):
    """How the camera moved since the last prediction; B x 4 x 4, points from one camera to the other.

    Attributes:
        from_previous: takes points of the previous keyframe's camera to the reference camera.
        to_previous: the other way round.
    """

    from_previous: Tensor
    to_previous: Tensor


class VideoOutput(NamedTuple):
    """A prediction.

    Attributes:
        depths: metres, ``min_depth`` to ``max_depth`` along the optical axis: B x H x W, then those of
            smaller copies that a network has.
        memory: for the next keyframe; None for networks that have none.
        certainty: B x H/4 x W/4, 0 to 1: how much of the probability is on this depth; None where the
            network does not say.
    """

    depths: tuple[Tensor, ...]
    memory: Any = None
    certainty: Tensor | None = None


class VideoNetwork(nn.Module):
    """A network for posed video; what it keeps of a frame, and what it remembers, is its own affair.

    Attributes:
        config: its sizes, with ``min_depth`` and ``max_depth`` in metres.
        memory_type: class of `VideoOutput.memory`, a tuple of tensors.
        tells_certainty: whether its outputs have one.
    """

    config: Any
    memory_type: Callable[..., Any]
    tells_certainty = False

    @abstractmethod
    def encode(self, image: Tensor) -> Any:
        """Return the features of images; those of a keyframe serve all later references.

        Args:
            image: B x 3 x H x W, red, green, blue, 0 to 255; H and W multiples of 32.

        Raises:
            ImageError: another size.
        """

    @abstractmethod
    def kept(self, features: Any) -> Any:
        """Return what has to be kept of an earlier frame's features."""

    @abstractmethod
    def predict(
        self,
        image: Tensor,
        features: Any,
        views: Sequence[tuple[Any, Tensor]],
        intrinsics: Tensor,
        previous: tuple[Any, Motion] | None = None,
    ) -> VideoOutput:
        """Predict the depth of a frame.

        Args:
            image: as for `encode`.
            features: of the same image.
            views: what was `kept` of earlier frames, each with the motion (B x 4 x 4) that takes points from
                this frame's camera to that one's.
            intrinsics: B x 3 x 3, of the image.
            previous: memory of the last prediction, and the motion since.

        Raises:
            ImageError: a size that is no multiple of 32.
        """


def check_image(image: Tensor) -> None:
    """Refuse images that a network cannot take.

    Raises:
        ImageError: not B x 3 x H x W with H and W multiples of 32.
    """
    if image.ndim != 4 or image.shape[1] != 3 or image.shape[2] % MULTIPLE or image.shape[3] % MULTIPLE:
        raise ImageError(
            f"images are {tuple(image.shape)}; expected (number, 3, height, width), height and width "
            f"multiples of {MULTIPLE}"
        )
