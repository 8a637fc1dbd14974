# SPDX-License-Identifier: Apache-2.0
"""DeepVideoMVS as published (Duezceker et al., CVPR 2021, arXiv 2012.02177): pairnet and fusionnet."""
