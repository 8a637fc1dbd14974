# SPDX-License-Identifier: Apache-2.0
"""Rooms, streets and landscapes, ray cast on a CPU or a GPU, with exact disparity. Needs torch."""
