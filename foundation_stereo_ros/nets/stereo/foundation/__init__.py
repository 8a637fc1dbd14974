# SPDX-License-Identifier: Apache-2.0
"""The network of FoundationStereo (arXiv 2501.09898)."""
