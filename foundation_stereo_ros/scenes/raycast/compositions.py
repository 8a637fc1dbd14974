# SPDX-License-Identifier: Apache-2.0
"""Every way to fill a picture, by the name of its share in the configuration."""

from __future__ import annotations

from collections.abc import Callable

from foundation_stereo_ros.scenes.raycast.compose.airborne import flying, thicket
from foundation_stereo_ros.scenes.raycast.compose.composer import Composer
from foundation_stereo_ros.scenes.raycast.compose.indoors import corner, room, stack, tabletop
from foundation_stereo_ros.scenes.raycast.compose.outdoors import outdoor, street

Composition = Callable[[Composer, float], None]
"""(composer, factor on the number of things)."""

FILL: dict[str, Composition] = {
    "room": room,
    "outdoor": outdoor,
    "flying": flying,
    "tabletop": tabletop,
    "street": street,
    "thicket": thicket,
    "corner": corner,
    "stack": stack,
}
OPEN_AIR = ("outdoor", "street")
"""Those under the sky: their light comes from afar."""
