# SPDX-License-Identifier: Apache-2.0
"""How fast it is: stage by stage, beside the network as it is before it is prepared, and against what the machine can do."""
