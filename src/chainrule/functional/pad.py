"""Padding: nn.functional.pad in its four modes, and constant_pad_nd."""

from __future__ import annotations

from typing import Any

from ..dispatch import bind
from ..ops import rearrange as ops
from ..tensor import Tensor
from ..types import BOOL, dtype_of
from .api import tensor_argument


def _pads(x: Tensor, pad: Any) -> ops.Pads:
    """PyTorch's flat list, last dimension first, as (before, after) per dimension."""
    flat = [int(p) for p in pad]
    n = x._a.ndim
    pairs = [(flat[i], flat[i + 1]) for i in range(0, len(flat), 2)]
    return ((0, 0),) * (n - len(pairs)) + tuple(pairs[::-1])


def constant_pad_nd(input: Tensor, pad: Any, value: Any = 0) -> Tensor:
    """The last dimensions extended (negative: cut) with a constant; `pad` begins with the last."""
    tensor_argument("constant_pad_nd", input)
    if len(pad) % 2:
        raise RuntimeError(f"Length of pad must be even but instead it equals {len(pad)}")
    if len(pad) > 2 * input._a.ndim:
        raise RuntimeError(
            "Length of pad should be no more than twice the number of dimensions of the input. Pad length is "
            f"{len(pad)} while the input has {input._a.ndim} dimensions."
        )
    if isinstance(value, Tensor):
        value = value.item()
    if dtype_of(input._a).category == BOOL:
        value = bool(value)
    pads = _pads(input, pad)
    for (before, after), n in zip(pads, input._a.shape):
        if n + before + after < 0:
            raise RuntimeError(
                f"The input size {n}, plus negative padding {before} and {after} resulted in a negative "
                "output size, which is invalid. Check dimension of your input."
            )
    return bind(ops.pad_constant, (input, pads, value))


def pad(input: Tensor, pad: Any, mode: str = "constant", value: float | None = None) -> Tensor:
    """The last dimensions extended by `pad` = (left, right, top, bottom, …), the last dimension first.

    mode: "constant" (with `value`, 0), "reflect" (mirrored, not the edge), "replicate" (the edge), "circular"

    >>> import chainrule as cr
    >>> cr.nn.functional.pad(cr.tensor([1.0, 2.0]), (1, 2))
    tensor([0., 1., 2., 0., 0.])
    """
    tensor_argument("pad", input)
    if len(pad) % 2:
        raise RuntimeError("Padding length must be divisible by 2")
    if mode == "constant":
        if len(pad) > 2 * input._a.ndim:
            raise RuntimeError(
                "Padding length should be less than or equal to two times the input dimension but got "
                f"padding length {len(pad)} and input of dimension {input._a.ndim}"
            )
        return constant_pad_nd(input, pad, 0 if value is None else value)
    if value is not None and value != 0:
        raise RuntimeError(f'Padding mode "{mode}" doesn\'t take in value argument')
    if mode not in ("reflect", "replicate", "circular"):
        raise NotImplementedError(f"Unrecognised padding mode {mode}")
    _check_mode(input, pad, mode)
    return bind(ops.pad, (input, _pads(input, pad), mode))


def _check_mode(x: Tensor, pad: Any, mode: str) -> None:
    """These modes pad the last 1, 2 or 3 dimensions of 2-D to 5-D inputs, by less than there is to copy."""
    n, count = x._a.ndim, len(pad) // 2
    if not (1 <= count <= 3 and n in (count + 1, count + 2)):
        raise NotImplementedError(
            "Only 2D, 3D, 4D, 5D padding with non-constant padding are supported for now"
            f"\n  came:     an input of {n} dimensions and a pad of length {len(pad)}"
            "\n  expected: pad of length 2 for 2-D or 3-D, 4 for 3-D or 4-D, 6 for 4-D or 5-D inputs"
        )
    shape = x._a.shape
    if 0 in shape[n - count :] or (n == count + 2 and 0 in shape[1:]) or (n == count + 1 and not shape[0]):
        raise RuntimeError(f"Expected a non-empty input to pad, but got: {list(shape)}")
    for i in range(count):
        before, after, size = int(pad[2 * i]), int(pad[2 * i + 1]), shape[n - 1 - i]
        if mode == "reflect" and (before >= size or after >= size):
            raise RuntimeError(
                "Argument #4: Padding size should be less than the corresponding input dimension, but got: "
                f"padding ({before}, {after}) at dimension {n - 1 - i} of input {list(shape)}"
            )
        if mode == "circular" and (before > size or after > size):
            raise RuntimeError("Padding value causes wrapping around more than once.")
        if size + before + after < (0 if mode == "circular" else 1):
            raise RuntimeError(
                f"input (size: {list(shape)}) is too small for padding ({before}, {after}): the calculated "
                f"output size is {size + before + after}"
            )


__all__ = ["constant_pad_nd"]
