# SPDX-License-Identifier: Apache-2.0
"""What the small networks for CPUs are made of: stereo pairs and posed video share it."""
