# SPDX-License-Identifier: Apache-2.0
"""Views and scenes on disk: pictures and masks, what is kept of pairs, and results."""
