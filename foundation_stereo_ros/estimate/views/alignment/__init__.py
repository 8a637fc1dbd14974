# SPDX-License-Identifier: Apache-2.0
"""From views, predictions of their pairs and matches to one scene: sparse global alignment."""
