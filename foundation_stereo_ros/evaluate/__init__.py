# SPDX-License-Identifier: Apache-2.0
"""Methods measured on pairs with known truth: metrics, tables, pictures."""
