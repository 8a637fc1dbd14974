# SPDX-License-Identifier: Apache-2.0
"""``foundation_stereo train`` in one of several processes, each of which then says what weights it has."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

from safetensors.torch import save_file

from foundation_stereo_ros.cli.main import main
from foundation_stereo_ros.train.distributed import find_place
from foundation_stereo_ros.train.loop import Loop, Outcome

if __name__ == "__main__":
    folder, run = Path(sys.argv.pop(1)), Loop.run

    def and_tell(loop: Loop[Any, Any], *args: Any, **named: Any) -> Outcome:
        outcome = run(loop, *args, **named)
        weights = {name: value.detach().clone() for name, value in loop.model.named_parameters()}
        save_file(weights, folder / f"process{find_place().rank}.safetensors")
        return outcome

    Loop.run = and_tell  # type: ignore[method-assign]
    sys.exit(main())
