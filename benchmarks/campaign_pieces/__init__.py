# SPDX-License-Identifier: Apache-2.0
"""Parts of benchmarks/campaign.py: what is damaged, how, who reads it, and within which limits."""
