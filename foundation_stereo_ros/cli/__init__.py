# SPDX-License-Identifier: Apache-2.0
"""The ``foundation_stereo`` command: one module for each subcommand, loaded when it is called."""
