"""torch.special: the special functions under their mathematical names; SciPy computes most of them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from ._missing import module_getattr
from .functional.api import binary_function, unary_function
from .functional.elementwise import (
    digamma,
    erf,
    erfc,
    erfinv,
    exp2,
    expm1,
    i0,
    igamma,
    igammac,
    lgamma,
    log1p,
    logit,
    mvlgamma,
    polygamma,
    round,
    sigmoid,
    sinc,
    xlogy,
)
from .functional.reduce import logsumexp
from .functional.softmax import log_softmax, softmax
from .ops import exponential, polynomials
from .ops import special as ops
from .ops.record import Op


def _one(op: Op) -> Any:
    return unary_function(op, methods=False)


def _two(op: Op) -> Any:
    return binary_function(op, methods=False)


psi = digamma
gammaln = lgamma
gammainc = igamma
gammaincc = igammac
multigammaln = mvlgamma
expit = sigmoid

entr = _one(ops.entr)
erfcx = _one(ops.erfcx)
ndtr = _one(ops.ndtr)
ndtri = _one(ops.ndtri)
log_ndtr = _one(ops.log_ndtr)
i0e = _one(ops.i0e)
i1 = _one(ops.i1)
i1e = _one(ops.i1e)
airy_ai = _one(ops.airy_ai)
bessel_j0 = _one(ops.bessel_j0)
bessel_j1 = _one(ops.bessel_j1)
bessel_y0 = _one(ops.bessel_y0)
bessel_y1 = _one(ops.bessel_y1)
modified_bessel_k0 = _one(ops.modified_bessel_k0)
modified_bessel_k1 = _one(ops.modified_bessel_k1)
scaled_modified_bessel_k0 = _one(ops.scaled_modified_bessel_k0)
scaled_modified_bessel_k1 = _one(ops.scaled_modified_bessel_k1)
spherical_bessel_j0 = _one(ops.spherical_bessel_j0)
modified_bessel_i0 = i0
modified_bessel_i1 = i1
xlog1py = _two(exponential.xlog1py)
zeta = _two(ops.zeta)

chebyshev_polynomial_t = _two(polynomials.chebyshev_polynomial_t)
chebyshev_polynomial_u = _two(polynomials.chebyshev_polynomial_u)
chebyshev_polynomial_v = _two(polynomials.chebyshev_polynomial_v)
chebyshev_polynomial_w = _two(polynomials.chebyshev_polynomial_w)
hermite_polynomial_h = _two(polynomials.hermite_polynomial_h)
hermite_polynomial_he = _two(polynomials.hermite_polynomial_he)
laguerre_polynomial_l = _two(polynomials.laguerre_polynomial_l)
legendre_polynomial_p = _two(polynomials.legendre_polynomial_p)
shifted_chebyshev_polynomial_t = _two(polynomials.shifted_chebyshev_polynomial_t)
shifted_chebyshev_polynomial_u = _two(polynomials.shifted_chebyshev_polynomial_u)
shifted_chebyshev_polynomial_v = _two(polynomials.shifted_chebyshev_polynomial_v)
shifted_chebyshev_polynomial_w = _two(polynomials.shifted_chebyshev_polynomial_w)

__all__ = [
    "airy_ai",
    "bessel_j0",
    "bessel_j1",
    "bessel_y0",
    "bessel_y1",
    "chebyshev_polynomial_t",
    "chebyshev_polynomial_u",
    "chebyshev_polynomial_v",
    "chebyshev_polynomial_w",
    "hermite_polynomial_h",
    "hermite_polynomial_he",
    "laguerre_polynomial_l",
    "legendre_polynomial_p",
    "shifted_chebyshev_polynomial_t",
    "shifted_chebyshev_polynomial_u",
    "shifted_chebyshev_polynomial_v",
    "shifted_chebyshev_polynomial_w",
    "digamma",
    "entr",
    "erf",
    "erfc",
    "erfcx",
    "erfinv",
    "exp2",
    "expit",
    "expm1",
    "gammainc",
    "gammaincc",
    "gammaln",
    "i0",
    "i0e",
    "i1",
    "i1e",
    "log1p",
    "log_ndtr",
    "logit",
    "modified_bessel_i0",
    "modified_bessel_i1",
    "modified_bessel_k0",
    "modified_bessel_k1",
    "multigammaln",
    "ndtr",
    "ndtri",
    "polygamma",
    "psi",
    "round",
    "scaled_modified_bessel_k0",
    "scaled_modified_bessel_k1",
    "sinc",
    "spherical_bessel_j0",
    "xlog1py",
    "xlogy",
    "zeta",
]
__all__ += ["log_softmax", "logsumexp", "softmax"]

if not TYPE_CHECKING:
    __getattr__ = module_getattr(__name__)
