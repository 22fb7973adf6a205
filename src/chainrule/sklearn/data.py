"""Rows and their weights as the compiled steps take them."""

from __future__ import annotations

from typing import Any

import numpy as np
from sklearn.utils.validation import check_array

from ..errors import message
from .network import Array

_DENSE = 1 << 31  # bytes that a sparse matrix may have when it is made dense for a fit


def sample_weights(sample_weight: Any, X: Any) -> Array | None:
    """The weights of the rows of X in its dtype; None if there are none."""
    if sample_weight is None:
        return None
    if np.isscalar(sample_weight):
        sample_weight = np.full(X.shape[0], sample_weight)
    weights: Array = check_array(sample_weight, ensure_2d=False, dtype=X.dtype, input_name="sample_weight")
    if weights.ndim != 1:
        raise ValueError(f"Sample weights must be 1D array or scalar, got {weights.ndim}D array")
    if len(weights) != X.shape[0]:
        raise ValueError(f"sample_weight.shape == {weights.shape}, expected {(X.shape[0],)}!")
    if (weights < 0).any() or not (weights > 0).any():
        low = int(weights.argmin())
        raise ValueError(
            message(
                "sample_weight is negative" if weights[low] < 0 else "sample_weight is zero for all samples",
                came=f"{weights[low]} for sample {low}" if weights[low] < 0 else "only zeros",
                expected="weights from 0 on, one of them above 0",
            )
        )
    return weights


def padded_rows(X: Any, y: Array, weights: Array | None) -> list[Array]:
    """x, y and w with one more row of zeros: see steps.NOTE [Padding]."""
    needed = X.shape[0] * X.shape[1] * X.dtype.itemsize
    if hasattr(X, "toarray"):
        if needed > _DENSE:
            raise ValueError(
                message(
                    "this sparse matrix is too large to be made dense, as training needs it",
                    came=f"{X.shape[0]} × {X.shape[1]}: {needed / 1e9:.1f} GB",
                    expected=f"up to {_DENSE / 1e9:.1f} GB",
                    fix="call partial_fit on parts of the rows, or reduce the columns (TruncatedSVD)",
                )
            )
        X = X.toarray()
    if weights is None:
        weights = np.ones(len(y), X.dtype)
    return [_padded(X), _padded(y if y.dtype.kind == "i" else y.astype(X.dtype)), _padded(weights)]


def _padded(a: Array) -> Array:
    out = np.zeros((len(a) + 1, *a.shape[1:]), a.dtype)
    out[:-1] = a
    return out
