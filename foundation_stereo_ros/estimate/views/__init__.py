# SPDX-License-Identifier: Apache-2.0
"""Views without poses: what happens to images around the network, and what is made of its predictions."""
