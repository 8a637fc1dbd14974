# SPDX-License-Identifier: Apache-2.0
"""A small network for posed video on CPUs, with the same interface as DeepVideoMVS."""
