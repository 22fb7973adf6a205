"""Orthogonal polynomials pₙ(x), evaluated by SciPy or by their recurrence."""

from __future__ import annotations

from typing import Any

import numpy as np

from .record import Op, Rule, elementwise


def _by_scipy(name: str) -> Rule:
    def evaluate(x: Any, n: Any) -> Any:
        from scipy import special

        return getattr(special, name)(n, x)

    return evaluate


def _chebyshev_v(x: Any, n: Any) -> Any:
    """Vₙ = Uₙ - Uₙ₋₁."""
    u = _by_scipy("eval_chebyu")
    return u(x, n) - np.where(n > 0, u(x, np.maximum(n - 1, 0)), 0)


def _chebyshev_w(x: Any, n: Any) -> Any:
    """Wₙ = Uₙ + Uₙ₋₁."""
    u = _by_scipy("eval_chebyu")
    return u(x, n) + np.where(n > 0, u(x, np.maximum(n - 1, 0)), 0)


def _polynomial(name: str, symbol: str, evaluate: Rule) -> Op:
    def forward(x: Any, n: Any) -> Any:
        degree = np.trunc(n).astype(np.int64)  # a whole degree keeps SciPy on its recurrences
        values = evaluate(x.astype(np.float64), np.maximum(degree, 0))
        return np.where(degree < 0, 0, values).astype(x.dtype)

    return elementwise(
        name,
        forward,
        nargs=2,
        floats=True,
        tex=rf"{symbol}_{{{{{{1}}}}}}({{0}})",
        lower="by SciPy: its recurrence",
        refuses="c",
        nondiff="PyTorch has no derivative of it either; differentiate its coefficients' form instead",
    )


chebyshev_polynomial_t = _polynomial("chebyshev_polynomial_t", "T", _by_scipy("eval_chebyt"))
chebyshev_polynomial_u = _polynomial("chebyshev_polynomial_u", "U", _by_scipy("eval_chebyu"))
chebyshev_polynomial_v = _polynomial("chebyshev_polynomial_v", "V", _chebyshev_v)
chebyshev_polynomial_w = _polynomial("chebyshev_polynomial_w", "W", _chebyshev_w)
shifted_chebyshev_polynomial_t = _polynomial(
    "shifted_chebyshev_polynomial_t", "T^*", lambda x, n: _by_scipy("eval_chebyt")(2 * x - 1, n)
)
shifted_chebyshev_polynomial_u = _polynomial(
    "shifted_chebyshev_polynomial_u", "U^*", lambda x, n: _by_scipy("eval_chebyu")(2 * x - 1, n)
)
shifted_chebyshev_polynomial_v = _polynomial(
    "shifted_chebyshev_polynomial_v", "V^*", lambda x, n: _chebyshev_v(2 * x - 1, n)
)
shifted_chebyshev_polynomial_w = _polynomial(
    "shifted_chebyshev_polynomial_w", "W^*", lambda x, n: _chebyshev_w(2 * x - 1, n)
)
hermite_polynomial_h = _polynomial("hermite_polynomial_h", "H", _by_scipy("eval_hermite"))
hermite_polynomial_he = _polynomial("hermite_polynomial_he", r"\mathit{{He}}", _by_scipy("eval_hermitenorm"))
laguerre_polynomial_l = _polynomial("laguerre_polynomial_l", "L", _by_scipy("eval_laguerre"))
legendre_polynomial_p = _polynomial("legendre_polynomial_p", "P", _by_scipy("eval_legendre"))
