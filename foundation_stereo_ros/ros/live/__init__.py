# SPDX-License-Identifier: Apache-2.0
"""Live topics without ROS or DDS: the newest pair is computed, and what is wanted goes out.

``intake`` puts together what arrives, ``demand`` says whether a pair is wanted, ``worker`` computes it in a
thread of its own, ``saving`` writes results in another; ``statistics``, ``status`` and ``advice`` say how it
goes. ``core`` joins them for ``ros.node`` and ``ros.dds``, which read ``parameters`` and name ``topics``.
"""
