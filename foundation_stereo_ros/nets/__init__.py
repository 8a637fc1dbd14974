# SPDX-License-Identifier: Apache-2.0
"""Neural networks: tensors in, tensors out. They know torch and timm alone."""
