# SPDX-License-Identifier: Apache-2.0
"""Layers and helpers that several networks share."""
