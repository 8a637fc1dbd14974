# SPDX-License-Identifier: Apache-2.0
"""The live core: pairs arrive, the newest one is processed, what is wanted goes out; no ROS, no DDS.

``intake`` stores what arrives and puts it together, ``worker`` runs the pipeline in a thread of its own,
``statistics``, ``status`` and ``advice`` tell how it goes, ``core`` joins them for a shell such as ``node``.
"""
