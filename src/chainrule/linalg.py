"""chainrule.linalg: linear algebra under the names of torch.linalg."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ._missing import module_getattr
from .functional.contraction import linalg_cross as cross
from .functional.decompositions import (
    cholesky_ex as cholesky_ex,
)
from .functional.decompositions import (
    eig as eig,
)
from .functional.decompositions import (
    eigh as eigh,
)
from .functional.decompositions import (
    eigvals as eigvals,
)
from .functional.decompositions import (
    eigvalsh as eigvalsh,
)
from .functional.decompositions import (
    householder_product as householder_product,
)
from .functional.decompositions import (
    linalg_cholesky as cholesky,
)
from .functional.decompositions import (
    linalg_qr as qr,
)
from .functional.decompositions import (
    linalg_svd as svd,
)
from .functional.decompositions import (
    lstsq as lstsq,
)
from .functional.decompositions import (
    matrix_rank as matrix_rank,
)
from .functional.decompositions import (
    pinv as pinv,
)
from .functional.decompositions import (
    svdvals as svdvals,
)
from .functional.matrices import (
    linalg_vander as vander,
)
from .functional.matrices import (
    matrix_exp as matrix_exp,
)
from .functional.matrices import (
    matrix_power as matrix_power,
)
from .functional.matrices import (
    multi_dot as multi_dot,
)
from .functional.matrices import (
    tensorinv as tensorinv,
)
from .functional.matrices import (
    tensorsolve as tensorsolve,
)
from .functional.matrices import (
    vecdot as vecdot,
)
from .functional.norms import (
    cond as cond,
)
from .functional.norms import (
    linalg_norm as norm,
)
from .functional.norms import (
    matrix_norm as matrix_norm,
)
from .functional.norms import (
    vector_norm as vector_norm,
)
from .functional.product import matmul as matmul
from .functional.rearrange import diagonal as _diagonal
from .functional.systems import (
    det as det,
)
from .functional.systems import (
    inv as inv,
)
from .functional.systems import (
    inv_ex as inv_ex,
)
from .functional.systems import (
    linalg_lu_solve as lu_solve,
)
from .functional.systems import (
    lu as lu,
)
from .functional.systems import (
    lu_factor as lu_factor,
)
from .functional.systems import (
    lu_factor_ex as lu_factor_ex,
)
from .functional.systems import (
    slogdet as slogdet,
)
from .functional.systems import (
    solve as solve,
)
from .functional.systems import (
    solve_ex as solve_ex,
)
from .functional.systems import (
    solve_triangular as solve_triangular,
)
from .ops.solve import LinAlgError as LinAlgError
from .tensor import Tensor


def diagonal(A: Tensor, *, offset: int = 0, dim1: int = -2, dim2: int = -1) -> Tensor:
    """The diagonals of the matrices in the last two dimensions, as a view."""
    return _diagonal(A, offset, dim1, dim2)


__all__ = [
    "LinAlgError", "cholesky", "cholesky_ex", "cond", "cross", "det", "diagonal", "eig", "eigh", "eigvals",
    "eigvalsh",
    "householder_product", "inv", "inv_ex", "lstsq", "lu", "lu_factor", "lu_factor_ex", "lu_solve",
    "matmul", "matrix_exp",
    "matrix_norm", "matrix_power", "matrix_rank", "multi_dot", "norm", "pinv", "qr", "slogdet", "solve",
    "solve_ex",
    "solve_triangular", "svd", "svdvals", "tensorinv", "tensorsolve", "vander", "vecdot", "vector_norm",
]  # fmt: skip

if not TYPE_CHECKING:
    __getattr__ = module_getattr(__name__)
