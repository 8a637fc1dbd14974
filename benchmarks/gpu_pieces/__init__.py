# SPDX-License-Identifier: Apache-2.0
"""The pieces of ``benchmarks/gpu.py``."""
