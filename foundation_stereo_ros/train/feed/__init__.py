# SPDX-License-Identifier: Apache-2.0
"""What a training step sees: generated scenes and pairs of datasets, mixed, cropped and augmented."""
