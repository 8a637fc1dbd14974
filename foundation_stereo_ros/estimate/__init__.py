# SPDX-License-Identifier: Apache-2.0
"""A sample in, a prediction out: the same for live messages, recordings and image files.

``interface`` says what an estimator is, ``prediction`` what it gives; ``config`` holds every setting and its
default; ``estimator`` is the one of stereo networks.
"""
