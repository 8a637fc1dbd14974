# SPDX-License-Identifier: Apache-2.0
"""``python -m foundation_stereo_ros`` is the ``foundation_stereo`` command."""

import sys

from foundation_stereo_ros.cli.main import main

sys.exit(main())
