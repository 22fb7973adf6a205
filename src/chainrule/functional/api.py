"""How a record becomes a public function, a method, and an in-place method."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar

from ..autograd.tape import clock
from ..dispatch import bind, cast
from ..dispatch import where as spot
from ..inplace import assign, inplace, old_value, require_writable
from ..ops.rearrange import clone
from ..ops.record import Op
from ..quick import binary, unary
from ..tensor import Tensor
from ..types import dtype_of, float32, float64

F = TypeVar("F", bound=Callable[..., Any])
EVERYDAY = frozenset({float32.np, float64.np})  # the dtypes that need no promotion


def tensor_argument(name: str, x: Any, position: int = 1, argument: str = "input") -> None:
    """Refuse anything but a tensor, in PyTorch's words."""
    if not isinstance(x, Tensor):
        raise TypeError(
            f"{name}(): argument '{argument}' (position {position}) must be Tensor, not {type(x).__name__}"
        )


def shaping(what: str, t: Tensor) -> Any:
    """The values of a tensor that decide the shape of a result, which only a trace must not do."""
    return t._a if clock.tracer is None else clock.tracer.shaping(what, t)


def write(out: Tensor, result: Tensor) -> Tensor:
    """The `out=` argument: the result's values in `out`, resized if its shape differs."""
    if out._node is not None or result._node is not None:
        raise RuntimeError(
            "functions with out=... arguments don't support automatic differentiation, but one of the "
            "arguments requires grad."
        )
    if out._a.shape != result._a.shape:
        kind = dtype_of(out._a)
        out._a = (cast(result, kind) if result._a.dtype != kind.np else bind(clone, (result,)))._a
        return out
    return assign(out, result, spot())


def method(function: F, *names: str, inplace_: bool = False) -> F:
    """Attach a function whose first argument is a tensor to Tensor, under its own or the given names."""
    for name in names or (function.__name__,):
        setattr(Tensor, name, function)
    if inplace_:
        setattr(Tensor, (names[0] if names else function.__name__) + "_", in_place_of(function))
    return function


def in_place_of(function: Callable[..., Any]) -> Callable[..., Tensor]:
    """`x.f_(…)` from f: the same computation, written into x."""

    def changed(self: Tensor, *args: Any, **kwargs: Any) -> Tensor:
        require_writable(self)
        result = function(old_value(self, True), *args, **kwargs)
        return assign(self, result, spot())

    changed.__name__ = function.__name__ + "_"
    changed.__doc__ = f"{function.__name__}(), written into this tensor."
    return changed


def unary_function(
    op: Op, *aliases: str, in_place: bool = True, methods: bool = True
) -> Callable[..., Tensor]:
    """torch.<op>(input, *, out=None), Tensor.<op>() and Tensor.<op>_() of a one-argument record."""
    fast = unary(op)

    def function(input: Tensor, *, out: Tensor | None = None) -> Tensor:
        if not isinstance(input, Tensor):
            tensor_argument(op.name, input)
        result = fast(input)
        return result if out is None else write(out, result)

    _finish(function, op, ("input",))
    for name in (op.name, *aliases) if methods else ():
        setattr(Tensor, name, fast)
        if in_place:
            setattr(Tensor, name + "_", inplace(op))
    return function


def binary_function(
    op: Op, *aliases: str, in_place: bool = True, methods: bool = True, numbers: str = "either"
) -> Callable[..., Tensor]:
    """torch.<op>(input, other, *, out=None) and the methods of a two-argument elementwise record.

    `numbers`: where PyTorch takes a Python number for a tensor: "either", only as the "second", or "none".
    """
    fast = binary(op)

    def function(input: Any, other: Any, *, out: Tensor | None = None) -> Tensor:
        if numbers != "either":
            tensor_argument(op.name, input)
            if numbers == "none":
                tensor_argument(op.name, other, 2, "other")
        if isinstance(input, Tensor):
            result = fast(input, other)
            if result is NotImplemented:
                raise TypeError(
                    f"{op.name}(): argument 'other' (position 2) must be Tensor, not {type(other).__name__}"
                )
        else:
            if not isinstance(other, Tensor):
                tensor_argument(op.name, input)
            result = bind(op, (input, other))
        return result if out is None else write(out, result)

    def method_(self: Tensor, other: Any) -> Tensor:
        return function(self, other)

    _finish(function, op, ("input", "other"))
    for name in (op.name, *aliases) if methods else ():
        setattr(Tensor, name, method_)
        if in_place:
            setattr(Tensor, name + "_", inplace(op))
    return function


def _finish(function: Any, op: Op, arguments: tuple[str, ...]) -> None:
    """Name and document a generated function from its record."""
    function.__name__ = function.__qualname__ = op.name
    symbols = dict(enumerate(("x", "z", "w")))
    formula = op.tex.format(*(symbols[i] for i in range(op.nargs)))
    note = f" Derivative by convention: {op.singular}." if op.singular else ""
    function.__doc__ = f"Elementwise {op.name.replace('_', ' ')}: y = {formula}.{note}"


__all__ = [
    "EVERYDAY",
    "binary_function",
    "dtype_of",
    "in_place_of",
    "method",
    "tensor_argument",
    "unary_function",
    "write",
]
