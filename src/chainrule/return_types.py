"""Named results of operations that return several tensors, such as `max(x, dim=0)`, printed as in PyTorch."""

from __future__ import annotations

from collections.abc import Iterable
from operator import itemgetter
from typing import Any


class Record(tuple[Any, ...]):
    """A tuple whose entries also have names.

    >>> sort((1, 2)).indices
    2
    """

    __slots__ = ()
    _fields: tuple[str, ...] = ()

    def __new__(cls, values: Iterable[Any]) -> Record:
        self = super().__new__(cls, values)
        if len(self) != len(cls._fields):
            raise TypeError(
                f"torch.return_types.{cls.__name__}() takes a {len(cls._fields)}-sequence "
                f"({len(self)}-sequence given)"
            )
        return self

    def __repr__(self) -> str:
        body = ",\n".join(f"{name}={value!r}" for name, value in zip(self._fields, self))
        return f"torch.return_types.{type(self).__name__}(\n{body})"

    def __reduce__(self) -> Any:
        return type(self), (tuple(self),)


def _named(name: str, *fields: str) -> type[Record]:
    members: dict[str, Any] = {f: property(itemgetter(i)) for i, f in enumerate(fields)}
    return type(name, (Record,), {**members, "__slots__": (), "_fields": fields, "__module__": __name__})


_VALUES = ("values", "indices")
max = _named("max", *_VALUES)
min = _named("min", *_VALUES)
median = _named("median", *_VALUES)
nanmedian = _named("nanmedian", *_VALUES)
mode = _named("mode", *_VALUES)
kthvalue = _named("kthvalue", *_VALUES)
sort = _named("sort", *_VALUES)
topk = _named("topk", *_VALUES)
cummax = _named("cummax", *_VALUES)
cummin = _named("cummin", *_VALUES)
aminmax = _named("aminmax", "min", "max")
histogram = _named("histogram", "hist", "bin_edges")
histogramdd = _named("histogramdd", "hist", "bin_edges")
frexp = _named("frexp", "mantissa", "exponent")
slogdet = linalg_slogdet = _named("linalg_slogdet", "sign", "logabsdet")
svd = _named("svd", "U", "S", "V")
linalg_svd = _named("linalg_svd", "U", "S", "Vh")
qr = _named("qr", "Q", "R")
linalg_qr = _named("linalg_qr", "Q", "R")
linalg_eig = _named("linalg_eig", "eigenvalues", "eigenvectors")
linalg_eigh = _named("linalg_eigh", "eigenvalues", "eigenvectors")
linalg_lu = _named("linalg_lu", "P", "L", "U")
linalg_lu_factor = _named("linalg_lu_factor", "LU", "pivots")
linalg_lstsq = _named("linalg_lstsq", "solution", "residuals", "rank", "singular_values")
linalg_inv_ex = _named("linalg_inv_ex", "inverse", "info")
linalg_cholesky_ex = _named("linalg_cholesky_ex", "L", "info")
lu_unpack = _named("lu_unpack", "P", "L", "U")
triangular_solve = _named("triangular_solve", "solution", "cloned_coefficient")
geqrf = _named("geqrf", "a", "tau")
linalg_solve_ex = _named("linalg_solve_ex", "result", "info")
linalg_lu_factor_ex = _named("linalg_lu_factor_ex", "LU", "pivots", "info")
