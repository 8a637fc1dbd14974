# SPDX-License-Identifier: Apache-2.0
"""How fast the network is, stage by stage: against what the machine can do, and before it is prepared."""
