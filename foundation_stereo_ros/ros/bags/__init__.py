# SPDX-License-Identifier: Apache-2.0
"""Recordings: the only room that meets the ``rosbags`` and ``mcap`` libraries.

``reader`` opens any recording as one stream of serialised messages, ``topics`` finds the stereo pair in it,
``frames`` puts images and calibrations together, ``job`` runs the pipeline over them, ``writer`` writes MCAP.
"""
