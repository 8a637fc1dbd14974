# SPDX-License-Identifier: Apache-2.0
"""The one place where timm is imported, whatever torchvision stands beside it; only by networks that need it.

timm imports torchvision for its image transforms, and torchvision, when imported, describes the shapes of its
compiled operators to torch. Where its binary was built for another torch (a CPU or Jetson build, say), those
operators were never registered and the import fails: "operator torchvision::nms does not exist". This network
uses none of them, so it is enough to leave their description out.
"""

from __future__ import annotations

import importlib
import sys
from types import ModuleType

_DESCRIPTIONS = "torchvision._meta_registrations"


def import_timm() -> ModuleType:
    """Import timm, also beside a torchvision whose compiled operators do not fit the installed torch.

    Raises:
        ImportError: timm or torchvision is not installed, or broken in another way.
    """
    try:
        return importlib.import_module("timm")
    except RuntimeError as error:
        if "operator torchvision::" not in str(error):
            raise
    for name in [n for n in sys.modules if n.partition(".")[0] in ("timm", "torchvision")]:
        del sys.modules[name]  # half imported
    sys.modules[_DESCRIPTIONS] = ModuleType(_DESCRIPTIONS)
    return importlib.import_module("timm")
