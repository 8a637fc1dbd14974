# SPDX-License-Identifier: Apache-2.0
"""From worlds to what two perfect cameras see of them, a batch at a time: torch."""
