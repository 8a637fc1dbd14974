# SPDX-License-Identifier: Apache-2.0
"""When the refinement of a pair may end before its last iteration."""

from __future__ import annotations

from jaxtyping import Float
from torch import Tensor

from foundation_stereo_ros.errors import check_fields


class EarlyStop:
    """Ends the refinement of a pair once nearly all of its pixels rest, and counts.

    Asking costs the device a wait for each iteration beyond the minimum.

    Args:
        below: a pixel rests when an iteration moves its disparity by less than this, in pixels of the image.
        minimum: iterations that are made in any case, 1 or more.
        share: of the pixels that must rest, 0 to 1.

    Attributes:
        iterations: made in the last pass.

    Raises:
        ConfigError: a value is out of its range.
    """

    def __init__(self, below: float, minimum: int = 1, share: float = 0.99) -> None:
        self.below, self.minimum, self.share = below, minimum, share
        check_fields(
            "early stop",
            self,
            (
                ("below", below > 0, "a number over 0"),
                ("minimum", minimum >= 1, "1 or more"),
                ("share", 0 <= share <= 1, "0 to 1"),
            ),
        )
        self.iterations = 0

    def __call__(self, iterations: int, increment: Float[Tensor, "b 1 h w"]) -> bool:
        """Tell whether to end.

        Args:
            iterations: made so far.
            increment: what the last one added, in quarter pixels.
        """
        self.iterations = iterations
        if iterations < self.minimum:
            return False
        resting = (4 * increment.float()).abs() < self.below
        return bool(resting.float().mean() >= self.share)
