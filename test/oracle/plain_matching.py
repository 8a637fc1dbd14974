# SPDX-License-Identifier: Apache-2.0
"""Reciprocal matches of two descriptor maps, written as they are defined (arXiv 2406.09756, section 3.3)."""

from __future__ import annotations

import numpy as np


def reciprocal(a: np.ndarray, b: np.ndarray, step: int = 8) -> np.ndarray:
    """Flat indices in a and b, N x 2, sorted."""
    first, second = a.reshape(-1, a.shape[-1]), b.reshape(-1, b.shape[-1])
    v, u = np.mgrid[step // 2 : a.shape[0] : step, step // 2 : a.shape[1] : step]
    x = np.unique(u + a.shape[1] * v)
    y = np.full(len(x), -1)
    active = np.arange(len(x))
    done = np.zeros(len(x), bool)
    for _ in range(10):
        there = (first[x[active]] @ second.T).argmax(axis=1)
        done[active[there == y[active]]] = True
        active, there = active[there != y[active]], there[there != y[active]]
        back = (second[there] @ first.T).argmax(axis=1)
        done[active[back == x[active]]] = True
        y[active] = there
        moving = back != x[active]
        x[active] = back
        active = active[moving]
    return np.unique(np.stack((x, y), axis=1)[done], axis=0)


def matches_of(
    first: np.ndarray, second: np.ndarray, certainties: list[tuple[np.ndarray, np.ndarray]]
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Ends in both views, M x 2 (u, v) each, and confidences, for descriptors that all decodings share."""
    forward, backward = reciprocal(first, second), reciprocal(second, first)[:, ::-1]
    found = np.concatenate((forward, backward))
    x, y = np.concatenate([found] * len(certainties)).T
    confidence = np.concatenate([np.sqrt(q1.ravel()[found[:, 0]] * q2.ravel()[found[:, 1]])
                                 for q1, q2 in certainties])  # fmt: skip
    _, place = np.unique(x * second[..., 0].size + y, return_index=True)
    ends = [
        np.stack((i[place] % w, i[place] // w), axis=1)
        for i, w in ((x, first.shape[1]), (y, second.shape[1]))
    ]
    return ends[0], ends[1], confidence[place]
