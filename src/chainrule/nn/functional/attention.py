"""Scaled dot-product attention and multi-head attention."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from ...dispatch import bind, cast
from ...functional.api import tensor_argument
from ...functional.join import cat
from ...inplace import plain
from ...ops import nn as ops
from ...ops.index import masked_fill
from ...tensor import Tensor
from ...types import FLOAT, FROM_NUMPY, scalar_type
from .dropout import dropout
from .linear import linear


def scaled_dot_product_attention(
    query: Tensor, key: Tensor, value: Tensor, attn_mask: Tensor | None = None, dropout_p: float = 0.0,
    is_causal: bool = False, scale: float | None = None, enable_gqa: bool = False,
) -> Tensor:  # fmt: skip
    """softmax(Q Kᵀ · scale + mask) V for Q (…, L, E), K (…, S, E) and V (…, S, Ev); scale is 1/√E by default.

    A bool mask is True where attention is allowed, a float mask is added; is_causal lets position i see
    positions <= i. With enable_gqa fewer key and value heads are repeated to the number of query heads.
    Raises RuntimeError for a mask together with is_causal, or dtypes or sizes that do not fit.

    >>> import chainrule as cr
    >>> q, k, v = cr.ones(1, 2, 4), cr.ones(1, 3, 4), cr.ones(1, 3, 5)
    >>> cr.nn.functional.scaled_dot_product_attention(q, k, v).shape
    torch.Size([1, 2, 5])
    """
    _check_attention(query, key, value, attn_mask, is_causal)
    if enable_gqa and key._a.ndim > 2:
        query_heads = query._a.shape[-3]
        key = _repeated(key, query_heads)
        value = _repeated(value, query_heads)
    length, size = query._a.shape[-2], key._a.shape[-2]
    factor = 1 / math.sqrt(query._a.shape[-1]) if scale is None and query._a.shape[-1] else scale
    scores = (query * (1.0 if factor is None else factor)) @ key.mT
    keep = None
    if is_causal:
        scores = scores + Tensor._wrap(_causal(length, size, query._a.dtype))
    elif attn_mask is not None:
        bias, keep = _bias(attn_mask, query._a.dtype)
        scores = scores + bias
    weights = bind(ops.softmax, (scores, scores._a.ndim - 1))
    if keep is not None:
        weights = weights * keep
    if dropout_p > 0.0:
        weights = dropout(weights, dropout_p)
    return weights @ value


def _check_attention(q: Tensor, k: Tensor, v: Tensor, mask: Tensor | None, is_causal: bool) -> None:
    for i, (name, t) in enumerate((("query", q), ("key", k), ("value", v)), 1):
        tensor_argument("scaled_dot_product_attention", t, i, name)
    if not q._a.dtype == k._a.dtype == v._a.dtype:
        raise RuntimeError(
            "Expected query, key, and value to have the same dtype, but got query.dtype: "
            f"{scalar_type(q.dtype).lower()} key.dtype: {scalar_type(k.dtype).lower()} and value.dtype: "
            f"{scalar_type(v.dtype).lower()} instead."
        )
    if min(q._a.ndim, k._a.ndim, v._a.ndim) < 2:
        raise RuntimeError(
            "Expected query, key, and value to all be  at least 2 dimensional, but got query.dim: "
            f"{q._a.ndim}, key.dim: {k._a.ndim} and value.dim: {v._a.ndim} instead."
        )
    if mask is not None:
        if is_causal:
            raise RuntimeError("Explicit attn_mask should not be set when is_causal=True")
        if mask._a.dtype != bool and mask._a.dtype != q._a.dtype and mask._a.dtype.itemsize != 4:
            raise RuntimeError(
                "Expected attn_mask dtype to be bool or float or to match query dtype, but got "
                f"attn_mask.dtype: {scalar_type(mask.dtype).lower()} and  query.dtype: "
                f"{scalar_type(q.dtype).lower()} instead."
            )


def _repeated(x: Tensor, heads: int) -> Tensor:
    """Each head as often as it takes to have `heads` of them."""
    have = x._a.shape[-3]
    if not have or heads % have:
        raise RuntimeError(
            "Number of heads in key and value must divide the number of heads in query, but got "
            f"{have} and {heads}"
        )
    return x if have == heads else x.repeat_interleave(heads // have, -3)


def _causal(length: int, size: int, dtype: Any) -> Any:
    return np.triu(np.full((length, size), -np.inf, dtype), 1)


def _bias(mask: Tensor, dtype: Any) -> tuple[Tensor, Tensor | None]:
    """What to add to the scores; and 0 for rows in which nothing is allowed, whose weights are zeros."""
    a = mask._a
    if plain(a) and a.dtype == bool:
        some = a.any(-1, keepdims=True)
        bias = Tensor._wrap(np.where(a | ~some, 0, -np.inf).astype(dtype))
        return bias, None if some.all() else Tensor._wrap(some.astype(dtype))
    if a.dtype != bool:
        blocked = (mask.detach() == -np.inf).all(-1, keepdim=True)
        if plain(blocked._a) and not blocked._a.any():
            return mask, None
        return mask.masked_fill(blocked, 0.0), cast(~blocked, FROM_NUMPY[dtype])
    seen = mask.any(-1, keepdim=True)
    return _infinite(~mask & seen, dtype), cast(seen, FROM_NUMPY[dtype])


def _infinite(mask: Tensor, dtype: Any) -> Tensor:
    """-inf where the mask is True, else 0."""
    return bind(masked_fill, (Tensor._wrap(np.zeros(mask._a.shape, dtype)), mask, -np.inf))


# ----- multi-head attention


def multi_head_attention_forward(
    query: Tensor, key: Tensor, value: Tensor, embed_dim_to_check: int, num_heads: int,
    in_proj_weight: Tensor | None, in_proj_bias: Tensor | None, bias_k: Tensor | None, bias_v: Tensor | None,
    add_zero_attn: bool, dropout_p: float, out_proj_weight: Tensor, out_proj_bias: Tensor | None,
    training: bool = True, key_padding_mask: Tensor | None = None, need_weights: bool = True,
    attn_mask: Tensor | None = None, use_separate_proj_weight: bool = False,
    q_proj_weight: Tensor | None = None, k_proj_weight: Tensor | None = None,
    v_proj_weight: Tensor | None = None, static_k: Tensor | None = None, static_v: Tensor | None = None,
    average_attn_weights: bool = True, is_causal: bool = False,
) -> tuple[Tensor, Tensor | None]:  # fmt: skip
    """Attention of `num_heads` heads; query (L, N, E) or (L, E), key and value (S, N, E) or (S, E).

    Returns the output (L, N, E) and, with need_weights, the weights: their mean over the heads (N, L, S) or
    all of them (N, heads, L, S). In bool masks True means: ignored. Raises AssertionError for sizes that do
    not fit, as PyTorch.
    """
    batched = _check_ranks(query, key, value, key_padding_mask, attn_mask, num_heads)
    if not batched:
        query, key, value = query.unsqueeze(1), key.unsqueeze(1), value.unsqueeze(1)
        key_padding_mask = None if key_padding_mask is None else key_padding_mask.unsqueeze(0)
    length, batch, width = query._a.shape
    if is_causal and attn_mask is None:
        raise RuntimeError(
            "Need attn_mask if specifying the is_causal hint. You may use the Transformer module method "
            "`generate_square_subsequent_mask` to create this mask."
        )
    _check_widths(width, embed_dim_to_check, num_heads, key, value, use_separate_proj_weight)
    mask = _additive("attn_mask", attn_mask, query)
    padding = _additive("key_padding_mask", key_padding_mask, query)
    if mask is not None:
        mask = _full_mask(mask, length, key._a.shape[0], batch * num_heads)
    weights = (q_proj_weight, k_proj_weight, v_proj_weight) if use_separate_proj_weight else None
    q, k, v = _project((query, key, value), in_proj_weight, weights, in_proj_bias)
    if bias_k is not None and bias_v is not None:
        if static_k is not None or static_v is not None:
            raise AssertionError("bias cannot be added to static key or value.")
        k, v = cat([k, bias_k.repeat(1, batch, 1)]), cat([v, bias_v.repeat(1, batch, 1)])
        mask, padding = _one_more(mask), _one_more(padding)
    elif bias_k is not None or bias_v is not None:
        raise AssertionError("bias_k and bias_v must be given together")
    heads = batch * num_heads
    size = width // num_heads
    q = _split(q, heads, size)
    k = _split(k, heads, size) if static_k is None else _static(static_k, heads, size, "k")
    v = _split(v, heads, size) if static_v is None else _static(static_v, heads, size, "v")
    if add_zero_attn:
        zeros = Tensor._wrap(np.zeros((heads, 1, size), k._a.dtype))
        k, v = cat([k, zeros], 1), cat([v, zeros], 1)
        mask, padding = _one_more(mask), _one_more(padding)
    mask = _merged(mask, padding, batch, num_heads, k._a.shape[1])
    out, attention = _attend(q, k, v, mask, dropout_p if training else 0.0, need_weights)
    out = linear(out.transpose(0, 1).reshape(length * batch, width), out_proj_weight, out_proj_bias)
    out = out.reshape(length, batch, -1)
    if attention is not None:
        attention = attention.reshape(batch, num_heads, length, -1)
        attention = attention.mean(1) if average_attn_weights else attention
    if not batched:
        out, attention = out.squeeze(1), None if attention is None else attention.squeeze(0)
    return out, attention


def _attend(
    q: Tensor, k: Tensor, v: Tensor, mask: Tensor | None, p: float, weights: bool
) -> tuple[Tensor, Tensor | None]:
    """Output (heads, L, E) and the weights; a row with nothing allowed is NaN with weights, zero without."""
    if not weights:
        return scaled_dot_product_attention(q, k, v, mask, p), None
    scores = (q * math.sqrt(1.0 / q._a.shape[-1])) @ k.mT
    if mask is not None:
        scores = scores + mask
    attention = bind(ops.softmax, (scores, 2))
    if p > 0.0:
        attention = dropout(attention, p)
    return attention @ v, attention


def _check_ranks(
    q: Tensor, k: Tensor, v: Tensor, padding: Tensor | None, mask: Tensor | None, heads: int
) -> bool:
    rank = q._a.ndim
    if rank not in (2, 3):
        raise AssertionError(
            f"query should be unbatched 2D or batched 3D tensor but received {rank}-D query tensor"
        )
    word = "batched (3-D)" if rank == 3 else "unbatched (2-D)"
    if k._a.ndim != rank or v._a.ndim != rank:
        raise AssertionError(
            f"For {word} `query`, expected `key` and `value` to be {rank}-D but found {k._a.ndim}-D and "
            f"{v._a.ndim}-D tensors respectively"
        )
    if padding is not None and padding._a.ndim != rank - 1:
        raise AssertionError(
            f"For {word} `query`, expected `key_padding_mask` to be `None` or {rank - 1}-D but found "
            f"{padding._a.ndim}-D tensor instead"
        )
    if mask is not None:
        if mask._a.ndim not in (2, 3):
            raise AssertionError(
                f"For {word} `query`, expected `attn_mask` to be `None`, 2-D or 3-D but found "
                f"{mask._a.ndim}-D tensor instead"
            )
        expected = (heads, q._a.shape[0], k._a.shape[0])
        if rank == 2 and mask._a.ndim == 3 and mask._a.shape != expected:
            raise AssertionError(f"Expected `attn_mask` shape to be {expected} but got {mask.shape}")
    return rank == 3


def _check_widths(width: int, expected: int, heads: int, key: Tensor, value: Tensor, separate: bool) -> None:
    if width != expected:
        raise AssertionError(f"was expecting embedding dimension of {expected}, but got {width}")
    if width % heads:
        raise AssertionError(f"embed_dim {width} not divisible by num_heads {heads}")
    if separate and key._a.shape[:2] != value._a.shape[:2]:
        raise AssertionError(
            f"key's sequence and batch dims {key.shape[:2]} do not match value's {value.shape[:2]}"
        )
    if not separate and key._a.shape != value._a.shape:
        raise AssertionError(f"key shape {key.shape} does not match value shape {value.shape}")


def _additive(name: str, mask: Tensor | None, like: Tensor) -> Tensor | None:
    """A bool mask as -inf where it is True; a float mask as it is."""
    if mask is None:
        return None
    if mask._a.dtype == bool:
        return _infinite(mask, like._a.dtype)
    if mask.dtype.category < FLOAT:
        raise AssertionError(f"only bool and floating types of {name} are supported")
    return mask


def _full_mask(mask: Tensor, length: int, size: int, heads: int) -> Tensor:
    shape = mask._a.shape
    if mask._a.ndim == 2:
        if shape != (length, size):
            raise RuntimeError(
                f"The shape of the 2D attn_mask is {mask.shape}, but should be {(length, size)}."
            )
        return mask.unsqueeze(0)
    if shape != (heads, length, size):
        raise RuntimeError(
            f"The shape of the 3D attn_mask is {mask.shape}, but should be {(heads, length, size)}."
        )
    return mask


def _project(inputs: Any, packed: Tensor | None, weights: Any, bias: Tensor | None) -> list[Tensor]:
    """The three in-projections; one GEMM where query, key and value are the same tensor."""
    query, key, value = inputs
    biases = (None,) * 3 if bias is None else bias.chunk(3)
    if weights is None:
        if packed is None:
            raise AssertionError("use_separate_proj_weight is False but in_proj_weight is None")
        if query is key and key is value:
            return list(linear(query, packed, bias).chunk(3, -1))
        weights = packed.chunk(3)
    for name, w in zip(("q", "k", "v"), weights):
        if w is None:
            raise AssertionError(f"use_separate_proj_weight is True but {name}_proj_weight is None")
    return [linear(x, w, b) for x, w, b in zip(inputs, weights, biases)]


def _split(x: Tensor, heads: int, width: int) -> Tensor:
    return x.reshape(x._a.shape[0], heads, width).transpose(0, 1)


def _static(x: Tensor, heads: int, width: int, name: str) -> Tensor:
    if x._a.shape[0] != heads or x._a.shape[2] != width:
        raise AssertionError(
            f"expecting static_{name}.size(0) of {heads} and size(2) of {width}, but got {x._a.shape[0]} and "
            f"{x._a.shape[2]}"
        )
    return x


def _one_more(mask: Tensor | None) -> Tensor | None:
    """The mask for one more key, which is allowed."""
    if mask is None:
        return None
    return cat([mask, Tensor._wrap(np.zeros((*mask._a.shape[:-1], 1), mask._a.dtype))], -1)


def _merged(mask: Tensor | None, padding: Tensor | None, batch: int, heads: int, size: int) -> Tensor | None:
    if padding is None:
        return mask
    if padding._a.shape != (batch, size):
        raise AssertionError(
            f"expecting key_padding_mask shape of {(batch, size)}, but got {tuple(padding._a.shape)}"
        )
    rows = padding.reshape(batch, 1, 1, size).expand(batch, heads, 1, size).reshape(batch * heads, 1, size)
    return rows if mask is None else mask + rows


__all__ = ["multi_head_attention_forward", "scaled_dot_product_attention"]
