# SPDX-License-Identifier: Apache-2.0
"""How colours of 0 to 1 are distributed over ImageNet: what most published networks take off their input."""

MEAN = (0.485, 0.456, 0.406)
"""Red, green, blue."""

STD = (0.229, 0.224, 0.225)
"""Their standard deviations."""
