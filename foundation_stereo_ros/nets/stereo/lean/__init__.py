# SPDX-License-Identifier: Apache-2.0
"""A small stereo network for CPUs, with the same interface as FoundationStereo's."""
