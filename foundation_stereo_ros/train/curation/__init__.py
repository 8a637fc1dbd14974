# SPDX-License-Identifier: Apache-2.0
"""Self-curation: which generated scenes a trained network cannot solve (paper section 3.3)."""
