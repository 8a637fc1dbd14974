# SPDX-License-Identifier: Apache-2.0
"""From a seed to a world of surfaces, materials and light."""
