# SPDX-License-Identifier: Apache-2.0
"""Depth from a rectified pair.

``estimator`` runs any stereo network behind a ``backend``: ``torch_backend``, or ``onnx_backend`` with the
other ``onnx_`` modules. ``memory``, ``tiling`` and ``inference`` fit the work into the memory;
``rectification`` comes before it; ``pair_checks`` with ``reach`` and ``alignment`` run beside it.
"""
