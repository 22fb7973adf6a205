"""The printed form of a tensor, equal to PyTorch's to the character.

Pick the elements to show, decide one format for all of them from a few vectorised reductions, then lay them
out in lines. Nothing here knows the Tensor class; it works on arrays and a dtype's name.
"""

from __future__ import annotations

import dataclasses
import math
import operator
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any, NamedTuple

import numpy as np

__all__ = [
    "format_scalar",
    "get_printoptions",
    "parameter_str",
    "printoptions",
    "set_printoptions",
    "tensor_str",
]

Array = np.ndarray[Any, np.dtype[Any]]


@dataclasses.dataclass(frozen=True, slots=True)
class _Options:
    precision: int = 4
    threshold: float = 1000
    edgeitems: int = 3
    linewidth: int = 80
    sci_mode: bool | None = None


_PROFILES: dict[str, dict[str, float]] = {
    "default": {"precision": 4, "threshold": 1000, "edgeitems": 3, "linewidth": 80},
    "short": {"precision": 2, "threshold": 1000, "edgeitems": 2, "linewidth": 80},
    "full": {"precision": 4, "threshold": math.inf, "edgeitems": 3, "linewidth": 80},
}

_options = _Options()


def set_printoptions(
    precision: int | None = None,
    threshold: float | None = None,
    edgeitems: int | None = None,
    linewidth: int | None = None,
    profile: str | None = None,
    sci_mode: bool | None = None,
) -> None:
    """Set how tensors print, for the whole process; an option left None keeps its value, except `sci_mode`.

    Args:
        precision: digits after the decimal point of a float (default 4).
        threshold: a tensor with more elements than this is summarised (default 1000).
        edgeitems: elements shown at each end of a summarised dimension (default 3).
        linewidth: columns before a line breaks (default 80).
        profile: "default", "short" or "full"; sets the four options above, which then override it.
        sci_mode: force scientific notation on or off; None, also when left out, decides from the values.

    Raises:
        ValueError: `profile` is not one of the three, or `precision` or `edgeitems` is negative.
        TypeError: `precision` or `edgeitems` is not an integer.

    Example:
        >>> import numpy as np
        >>> from chainrule._repr import set_printoptions, tensor_str
        >>> set_printoptions(precision=2)
        >>> tensor_str(np.array([1.12345]), dtype="float32")
        'tensor([1.12])'
        >>> set_printoptions(profile="default")
    """
    global _options
    changes: dict[str, Any] = {}
    if profile is not None:
        if profile not in _PROFILES:
            known = ", ".join(map(repr, _PROFILES))
            raise ValueError(f"set_printoptions: profile is {profile!r}, expected one of {known}")
        changes.update(_PROFILES[profile])
    if precision is not None:
        changes["precision"] = _count("precision", precision)
    if threshold is not None:
        changes["threshold"] = threshold
    if edgeitems is not None:
        changes["edgeitems"] = _count("edgeitems", edgeitems)
    if linewidth is not None:
        changes["linewidth"] = linewidth
    _options = dataclasses.replace(_options, sci_mode=sci_mode, **changes)


def _count(name: str, value: int) -> int:
    """Check a non-negative integer option here, lest a bad one fail at some later print."""
    try:
        count = operator.index(value)
    except TypeError:
        raise TypeError(f"set_printoptions: {name} is {value!r}, expected an int such as 4") from None
    if count < 0:
        raise ValueError(f"set_printoptions: {name} is {count}, expected 0 or more")
    return count


def get_printoptions() -> dict[str, Any]:
    """Return the print options as a dictionary that `set_printoptions(**options)` takes back.

    Example:
        >>> from chainrule._repr import get_printoptions
        >>> get_printoptions()["linewidth"]
        80
    """
    return dataclasses.asdict(_options)


@contextmanager
def printoptions(**options: Any) -> Iterator[None]:
    """Change the print options inside a `with` block; takes the arguments of `set_printoptions`.

    Example:
        >>> import numpy as np
        >>> from chainrule._repr import printoptions, tensor_str
        >>> with printoptions(sci_mode=True):
        ...     tensor_str(np.array([1.5]), dtype="float32")
        'tensor([1.5000e+00])'
    """
    before = get_printoptions()
    set_printoptions(**options)
    try:
        yield
    finally:
        set_printoptions(**before)


def tensor_str(
    data: Array,
    *,
    dtype: str,
    requires_grad: bool = False,
    grad_fn: str | None = None,
    default_dtype: str = "float32",
    indent: int = 0,
    prefix: str = "tensor(",
) -> str:
    """Return the text that PyTorch prints for a tensor holding `data`.

    Args:
        data: the elements, of any shape; bfloat16 and float8 as ml_dtypes arrays.
        dtype: PyTorch's name of the dtype, e.g. "float32"; shown unless it is the default or can be inferred.
        requires_grad: append ``requires_grad=True`` (unless `grad_fn` is given).
        grad_fn: the bare name of the backward node, e.g. "MulBackward0".
        default_dtype: PyTorch's name of the current default float dtype.
        indent: the column at which the text starts; its later lines are indented to match.
        prefix: what comes before the elements, with the opening parenthesis.

    Example:
        >>> import numpy as np
        >>> from chainrule._repr import tensor_str
        >>> tensor_str(np.array([1.0, 2.5]), dtype="float64", grad_fn="MulBackward0")
        'tensor([1.0000, 2.5000], dtype=torch.float64, grad_fn=<MulBackward0>)'
    """
    options = _options
    suffixes = []
    # Without elements nothing tells an int or bool from a float, so only the default dtype goes unsaid.
    unsaid = (default_dtype,) if data.size == 0 else _unsaid_dtypes(default_dtype)
    if (data.size == 0 and data.ndim != 1) or (data.size and not options.edgeitems):
        suffixes.append(f"size={data.shape}")
    if dtype not in unsaid:
        suffixes.append(f"dtype=torch.{dtype}")
    if grad_fn is not None:
        suffixes.append(f"grad_fn=<{grad_fn}>")
    elif requires_grad:
        suffixes.append("requires_grad=True")
    column = indent + len(prefix)
    text = prefix + _elements_str(data, dtype, column, options)
    return _with_suffixes(text, suffixes, indent, column, options)


def parameter_str(
    data: Array, *, dtype: str, requires_grad: bool = True, default_dtype: str = "float32"
) -> str:
    """Return the text that PyTorch prints for an `nn.Parameter` holding `data`.

    Example:
        >>> import numpy as np
        >>> from chainrule._repr import parameter_str
        >>> print(parameter_str(np.zeros(2), dtype="float32"))
        Parameter containing:
        tensor([0., 0.], requires_grad=True)
    """
    text = tensor_str(data, dtype=dtype, requires_grad=requires_grad, default_dtype=default_dtype)
    return f"Parameter containing:\n{text}"


def format_scalar(data: Array, spec: str, *, type_name: str = "Tensor") -> str:
    """Return ``format(data.item(), spec)`` of a 0-dim array: what f"{t:.3f}" prints.

    Raises:
        TypeError: `data` has dimensions; a format specification describes one number.

    Example:
        >>> import numpy as np
        >>> from chainrule._repr import format_scalar
        >>> format_scalar(np.array(2.0, dtype=np.float32), ".3f")
        '2.000'
    """
    if data.ndim:
        raise TypeError(
            f"unsupported format string passed to {type_name}.__format__: {spec!r} formats one number, but "
            f"the tensor has shape {list(data.shape)}; format one element's .item(), or print the whole "
            "tensor with set_printoptions(precision=...)"
        )
    return format(data.item(), spec)


def _unsaid_dtypes(default_dtype: str) -> tuple[str, ...]:
    default_complex = "complex128" if default_dtype == "float64" else "complex64"
    return (default_dtype, default_complex, "int64", "bool")


def _with_suffixes(text: str, suffixes: list[str], indent: int, column: int, options: _Options) -> str:
    newline = text.rfind("\n")
    used = len(text) - newline + 1 + (indent if newline < 0 else 0)
    for suffix in suffixes:
        if used + len(suffix) + 2 > options.linewidth:
            text += f",\n{' ' * column}{suffix}"
            used = column + len(suffix)
        else:
            text += f", {suffix}"
            used += len(suffix) + 2
    return text + ")"


def _elements_str(data: Array, dtype: str, column: int, options: _Options) -> str:
    if data.size == 0:
        return "[]"
    elided: tuple[bool, ...] = (False,) * data.ndim
    if data.size > options.threshold and data.ndim:
        if not options.edgeitems:
            return "[...]"
        elided = tuple(size > 2 * options.edgeitems for size in data.shape)
        data = _edges(data, options.edgeitems)
    if dtype.startswith(("float", "bfloat")):
        data = data.astype(np.float64)
        element = _float_format(data, options)
    elif dtype.startswith("complex"):
        element = _complex_format(data, options)
    else:
        element = _integer_format(data)
    if data.ndim == 0:
        return element.text(data.item())
    return _Layout(element, elided, options).block(data.tolist(), 0, column)


def _edges(data: Array, edgeitems: int) -> Array:
    """Keep the first and last `edgeitems` of every dimension longer than both together."""
    kept = [
        np.r_[:edgeitems, size - edgeitems : size] if size > 2 * edgeitems else np.arange(size)
        for size in data.shape
    ]
    return data[np.ix_(*kept)]


class _Element(NamedTuple):
    """How every element prints: right-aligned in `width` columns, which nan and inf may exceed."""

    text: Callable[[Any], str]
    width: int


def _integer_format(data: Array) -> _Element:
    if data.dtype == np.bool_:
        width = 4 if data.all() else 5
        return _Element({True: "True".rjust(width), False: "False"}.__getitem__, width)
    width = max(len(str(data.min())), len(str(data.max())))
    return _Element(f"{{:{width}d}}".format, width)


def _complex_format(data: Array, options: _Options) -> _Element:
    real = _float_format(data.real.astype(np.float64), options)
    imag = _float_format(data.imag.astype(np.float64), options)

    def text(value: complex) -> str:
        imaginary = imag.text(value.imag).lstrip()
        sign = "" if imaginary.startswith("-") else "+"
        return f"{real.text(value.real)}{sign}{imaginary}j"

    return _Element(text, real.width + imag.width + 1)


def _float_format(values: Array, options: _Options) -> _Element:
    """Choose integer ("1."), fixed or scientific notation from the finite non-zero values."""
    values = values[np.isfinite(values) & (values != 0)]
    if values.size == 0:
        return _Element("{:#.0f}".format, 1)
    magnitudes = np.abs(values)
    smallest, largest = magnitudes.min().item(), magnitudes.max().item()
    extremes = [values.min().item(), values.max().item()]
    flag, kind = "", f".{options.precision}f"
    scientific = options.sci_mode
    if scientific is None:
        scientific = largest / smallest > 1000.0 or largest > 1.0e8 or smallest < 1.0e-4
    if scientific:
        kind = f".{options.precision}e"
        # A tiny value has a three-digit exponent too, so the smallest magnitude of each sign counts.
        sides = (values[values < 0], values[values > 0])
        extremes += [side[np.abs(side).argmin()].item() for side in sides if side.size]
    elif (values == np.ceil(values)).all():
        flag, kind = "#", ".0f"
    width = max(len(format(value, flag + kind)) for value in extremes)
    return _Element(f"{{:{flag}{width}{kind}}}".format, width)


@dataclasses.dataclass(frozen=True, slots=True)
class _Layout:
    """Lays nested lists of elements out in lines, with "..." at the elided dimensions."""

    element: _Element
    elided: tuple[bool, ...]
    options: _Options

    def block(self, items: list[Any], axis: int, column: int) -> str:
        """Print one dimension whose opening bracket stands at `column`."""
        deeper = len(self.elided) - 1 - axis
        if deeper == 0:
            return self._vector(items, axis, column)
        parts = [self.block(item, axis + 1, column + 1) for item in items]
        if self.elided[axis]:
            parts.insert(self.options.edgeitems, "...")
        return "[" + ("," + "\n" * deeper + " " * (column + 1)).join(parts) + "]"

    def _vector(self, items: list[Any], axis: int, column: int) -> str:
        parts = list(map(self.element.text, items))
        if self.elided[axis]:
            parts.insert(self.options.edgeitems, " ...")
        per_line = max(1, math.floor((self.options.linewidth - column) / (self.element.width + 2)))
        lines = [", ".join(parts[start : start + per_line]) for start in range(0, len(parts), per_line)]
        return "[" + (",\n" + " " * (column + 1)).join(lines) + "]"
