# SPDX-License-Identifier: Apache-2.0
"""One stereo pair in, one result out: the same steps for live messages, recordings and image files.

``config`` holds every setting and its default; ``estimator`` runs the network on two arrays;
``messages_pipeline`` puts decoding, rectification and encoding around it.
"""
