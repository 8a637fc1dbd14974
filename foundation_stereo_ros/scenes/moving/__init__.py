# SPDX-License-Identifier: Apache-2.0
"""Worlds of textured flat surfaces, seen by a camera that moves: posed video with exact depth."""
