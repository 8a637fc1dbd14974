# SPDX-License-Identifier: Apache-2.0
"""Recordings: the only package that reads and writes their files.

``reader`` opens any recording as one stream of serialised messages: ``mcap_file``, ``sqlite_file`` and
``ros1_file`` read one kind of file each, and ``storage`` is what they have in common. ``frames`` puts images
and calibrations together, ``job`` runs the pipeline over them, ``writer`` writes MCAP, and ``qos`` is how
recordings note quality of service.
"""
