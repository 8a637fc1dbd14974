# SPDX-License-Identifier: Apache-2.0
"""The demonstration: a generated recording through the whole pipeline, live and offline, and a page."""
