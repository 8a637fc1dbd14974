# SPDX-License-Identifier: Apache-2.0
"""Where results go: what a shell such as ``node`` gives to the live core."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import Any, Protocol


class Outlet(Protocol):
    """Publishers of the outputs; called from the worker's thread, for every pair."""

    def wanted(self) -> Collection[str]:
        """Return the names, out of `messages.pipeline.OUTPUTS`, that have a subscriber now.

        Called from any thread.
        """

    def publish(self, messages: Mapping[str, Any]) -> None:
        """Publish what was made: output -> message. All carry the left image's header."""
