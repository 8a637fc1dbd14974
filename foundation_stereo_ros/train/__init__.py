# SPDX-License-Identifier: Apache-2.0
"""Weights from nothing but generated scenes: renderer, losses, trainer."""
