# SPDX-License-Identifier: Apache-2.0
"""How fast it is: the network beside its plain form, stage by stage, and against what the machine can do."""
