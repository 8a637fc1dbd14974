# SPDX-License-Identifier: Apache-2.0
"""Multi-head attention by the fastest kernel at hand: flash-attn where it is there and fits, else torch's."""

from __future__ import annotations

import importlib.util
from collections.abc import Callable
from typing import cast

import torch
import torch.nn.functional as F
from jaxtyping import Float
from torch import Tensor

_FLASH_DTYPES = (torch.float16, torch.bfloat16)
_FLASH_MAX_HEAD_DIM = 256


def _load_flash() -> Callable[..., Tensor] | None:
    if importlib.util.find_spec("flash_attn") is None:
        return None
    try:
        from flash_attn import flash_attn_func
    except (ImportError, OSError):
        return None  # built for another torch or CUDA: no reason to fail, torch has kernels too
    return cast("Callable[..., Tensor]", flash_attn_func)


_flash_attn_func = _load_flash()


def flash_fits(q: Tensor) -> bool:
    """Tell whether flash-attn can take these queries.

    They are B x N x heads x D, on CUDA, in half precision, with D at most 256 and a multiple of 8.
    """
    head_dim = q.shape[-1]
    return (
        _flash_attn_func is not None
        and q.is_cuda
        and q.dtype in _FLASH_DTYPES
        and head_dim <= _FLASH_MAX_HEAD_DIM
        and head_dim % 8 == 0
        and torch.cuda.get_device_capability(q.device) >= (8, 0)
    )


def attend(
    q: Float[Tensor, "b n heads d"], k: Float[Tensor, "b m heads d"], v: Float[Tensor, "b m heads d"]
) -> Float[Tensor, "b n heads d"]:
    """Return softmax(q kᵀ / √d) v over the sequence axis m, separately for each head.

    Queries, keys and values agree in dtype and device, and so does what is returned.
    """
    if flash_fits(q) and _flash_attn_func is not None:
        return _flash_attn_func(q, k, v)
    q, k, v = q.transpose(1, 2), k.transpose(1, 2), v.transpose(1, 2)
    return F.scaled_dot_product_attention(q, k, v).transpose(1, 2)
