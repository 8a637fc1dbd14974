# SPDX-License-Identifier: Apache-2.0
"""Depth from the images of a camera that moves, and its poses.

``estimator`` is stateful: ``keyframes`` decides which frames it computes and against which others. ``config``
has its settings; ``folder`` runs it over a folder of images, with ``undistortion`` before it and
``pose_check`` and ``progress`` beside it, or ``running_check`` where frames come one by one.
"""
