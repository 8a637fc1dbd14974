# SPDX-License-Identifier: Apache-2.0
"""Images, calibrations, results and reports in files on disk."""
