# SPDX-License-Identifier: Apache-2.0
"""A sample in, a prediction out: the same for live messages, recordings and image files.

``interface`` says what an estimator is, ``prediction`` what it gives; ``config`` holds the settings of stereo
and of the outputs, and their defaults. ``stereo`` and ``video`` are the two kinds of estimators; the modules
beside them are what both use.
"""
