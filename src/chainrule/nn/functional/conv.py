"""Convolutions and transposed convolutions in one, two and three dimensions; unfold and fold."""

from __future__ import annotations

from collections.abc import Callable
from math import prod
from typing import Any

from ...dispatch import bind
from ...functional.api import tensor_argument
from ...ops import conv as ops
from ...ops.windows import output_size
from ...tensor import Tensor
from ...types import scalar_type
from ._arguments import batched, tuple_of

Sizes = int | tuple[int, ...]


def _pads(padding: Any, kernel: tuple[int, ...], stride: tuple[int, ...], dilation: tuple[int, ...]) -> Any:
    d = len(kernel)
    if not isinstance(padding, str):
        each = tuple_of(padding, d, "padding")
        if any(p < 0 for p in each):
            raise RuntimeError("negative padding is not supported")
        return tuple((p, p) for p in each)
    if padding == "valid":
        return ((0, 0),) * d
    if padding != "same":
        raise RuntimeError(f"Invalid padding string: '{padding}'; it must be 'valid' or 'same'")
    if any(s != 1 for s in stride):
        raise RuntimeError("padding='same' is not supported for strided convolutions")
    total = [q * (k - 1) for k, q in zip(kernel, dilation)]
    return tuple((t // 2, t - t // 2) for t in total)


def _check(name: str, x: Tensor, w: Tensor, b: Tensor | None, d: int, groups: int, transposed: bool) -> None:
    tensor_argument(name, x)
    tensor_argument(name, w, 2, "weight")
    size, kernel = list(x._a.shape), list(w._a.shape)
    if len(size) not in (d + 1, d + 2):
        raise RuntimeError(
            f"Expected {d + 1}D (unbatched) or {d + 2}D (batched) input to {name}, but got input of size: "
            f"{size}"
        )
    if len(kernel) != d + 2:
        raise RuntimeError(
            f"expected a {d + 2}-dimensional weight for {name}, but got weight of size: {kernel}"
        )
    for what, other in (("weight", w), ("bias", b)):
        if other is not None and other._a.dtype != x._a.dtype:
            raise RuntimeError(
                f"Input type ({scalar_type(x.dtype)}) and {what} type ({scalar_type(other.dtype)}) should be "
                "the same"
            )
    if groups <= 0:
        raise RuntimeError("non-positive groups is not supported")
    if kernel[0] < groups or kernel[0] % groups:
        raise RuntimeError(
            f"Given groups={groups}, expected weight to be at least {groups} at dimension 0 and divisible by "
            f"{groups}, but got weight of size {kernel} instead"
        )
    channels = size[-d - 1]
    expected = kernel[0] if transposed else kernel[1] * groups
    if channels != expected:
        word = "transposed=1, " if transposed else ""
        raise RuntimeError(
            f"Given {word}groups={groups}, weight of size {kernel}, expected input{size} to have {expected} "
            f"channels, but got {channels} channels instead"
        )
    outputs = kernel[1] * groups if transposed else kernel[0]
    if b is not None and list(b._a.shape) != [outputs]:
        raise RuntimeError(
            f"Given {'transposed=1, ' if transposed else ''}weight of size {kernel}, expected bias to be "
            f"1-dimensional with {outputs} elements, but got bias of size {list(b._a.shape)} instead"
        )


def _positive(name: str, values: tuple[int, ...]) -> tuple[int, ...]:
    if any(v <= 0 for v in values):
        raise RuntimeError(f"non-positive {name} is not supported")
    return values


def _conv(d: int) -> Callable[..., Tensor]:
    name = f"conv{d}d"

    def function(
        input: Tensor, weight: Tensor, bias: Tensor | None = None, stride: Sizes = 1,
        padding: Sizes | str = 0,
        dilation: Sizes = 1, groups: int = 1,
    ) -> Tensor:  # fmt: skip
        _check(name, input, weight, bias, d, groups, False)
        kernel = weight._a.shape[2:]
        steps = _positive("stride", tuple_of(stride, d, "stride"))
        spread = _positive("dilation", tuple_of(dilation, d, "dilation"))
        pads = _pads(padding, kernel, steps, spread)
        size = input._a.shape[-d:]
        if any(n + lo + hi < q * (k - 1) + 1 for n, (lo, hi), k, q in zip(size, pads, kernel, spread)):
            padded = " x ".join(str(n + lo + hi) for n, (lo, hi) in zip(size, pads))
            spans = " x ".join(str(q * (k - 1) + 1) for k, q in zip(kernel, spread))
            raise RuntimeError(
                f"Calculated padded input size per channel: ({padded}). Kernel size: ({spans}). "
                "Kernel size can't be greater than actual input size"
            )
        attributes = (steps, pads, spread, groups)
        return batched(lambda x: bind(ops.conv, (x, weight, bias, *attributes)), input, d)

    function.__name__ = function.__qualname__ = name
    function.__doc__ = f"""Cross-correlation of `input` (N, C, {_axes(d)}) with `weight` (out, C / groups,
    {_axes(d, "k")}).

    `padding` is an int, {d} of them, 'same' or 'valid'; a `dilation` d leaves d - 1 values between those it
    reads.
    Raises RuntimeError if the channels, the dtypes or the sizes do not fit.

    >>> import chainrule as cr
    >>> x, w = cr.ones(1, 1, {", ".join("4" * d)}), cr.ones(2, 1, {", ".join("3" * d)})
    >>> cr.nn.functional.{name}(x, w).shape
    torch.Size([1, 2, {", ".join("2" * d)}])
    """
    return function


def _axes(d: int, prefix: str = "") -> str:
    return ", ".join(prefix + axis for axis in "DHW"[3 - d :])


def _conv_transpose(d: int) -> Callable[..., Tensor]:
    name = f"conv_transpose{d}d"

    def function(
        input: Tensor, weight: Tensor, bias: Tensor | None = None, stride: Sizes = 1, padding: Sizes = 0,
        output_padding: Sizes = 0, groups: int = 1, dilation: Sizes = 1,
    ) -> Tensor:  # fmt: skip
        _check(name, input, weight, bias, d, groups, True)
        kernel = weight._a.shape[2:]
        steps = _positive("stride", tuple_of(stride, d, "stride"))
        spread = _positive("dilation", tuple_of(dilation, d, "dilation"))
        pads = _pads(padding, kernel, steps, spread)
        extra = tuple_of(output_padding, d, "output_padding")
        if any(e >= max(s, q) or e < 0 for e, s, q in zip(extra, steps, spread)):
            raise RuntimeError(
                "output padding must be smaller than either stride or dilation, but got output_padding: "
                f"{list(extra)}, stride: {list(steps)}, dilation: {list(spread)}"
            )
        size = tuple(
            (n - 1) * s - lo - hi + q * (k - 1) + e + 1
            for n, s, (lo, hi), q, k, e in zip(input._a.shape[-d:], steps, pads, spread, kernel, extra)
        )
        if any(n <= 0 for n in size):
            raise RuntimeError(
                f"Given input size per channel: {list(input._a.shape[-d:])}. Calculated output size per "
                f"channel: {list(size)}. Output size is too small"
            )
        pads = tuple(
            (lo, hi - e) for (lo, hi), e in zip(pads, extra)
        )  # output padding is padding that is not cut off
        attributes = (size, steps, pads, spread, groups)
        return batched(lambda x: bind(ops.conv_input, (x, weight, bias, *attributes)), input, d)

    function.__name__ = function.__qualname__ = name
    function.__doc__ = f"""The transpose of {name.replace("_transpose", "")} as a map of its input; weight
    (in, out / groups, {_axes(d, "k")}).

    `output_padding` adds to one side of the result's size.
    Raises RuntimeError if the channels, the dtypes or the sizes do not fit.

    >>> import chainrule as cr
    >>> x, w = cr.ones(1, 1, {", ".join("2" * d)}), cr.ones(1, 2, {", ".join("3" * d)})
    >>> cr.nn.functional.{name}(x, w).shape
    torch.Size([1, 2, {", ".join("4" * d)}])
    """
    return function


conv1d, conv2d, conv3d = map(_conv, (1, 2, 3))
conv_transpose1d, conv_transpose2d, conv_transpose3d = map(_conv_transpose, (1, 2, 3))


def conv_tbc(input: Tensor, weight: Tensor, bias: Tensor, pad: int = 0) -> Tensor:
    """conv1d of time x batch x channels with a weight (kernel, in, out)."""
    y = conv1d(input.permute(1, 2, 0), weight.permute(2, 1, 0), bias, padding=pad)
    return y.permute(2, 0, 1)


def unfold(
    input: Tensor, kernel_size: Sizes, dilation: Sizes = 1, padding: Sizes = 0, stride: Sizes = 1
) -> Tensor:
    """The sliding blocks of an image (N, C, H, W) as columns (N, C·kH·kW, blocks).

    >>> import chainrule as cr
    >>> cr.nn.functional.unfold(cr.ones(1, 1, 3, 3), 2).shape
    torch.Size([1, 4, 4])
    """
    tensor_argument("unfold", input)
    size = input._a.shape
    if len(size) not in (3, 4) or 0 in size[-3:]:
        raise RuntimeError(
            "Expected 3D or 4D (batch mode) tensor with possibly 0 batch size and other non-zero dimensions "
            f"for input, but got: {list(size)}"
        )
    kernel, stride2, pads, dilation2 = _blocks(kernel_size, dilation, padding, stride)
    out = _block_counts(size[-2:], kernel, stride2, pads, dilation2)
    if any(n < 1 for n in out):
        raise RuntimeError(
            f"Given input with spatial size {size[-2:]}, kernel_size={kernel}, dilation={dilation2}, "
            f"padding={tuple(p for p, _ in pads)}, stride={stride2}, calculated shape of the array of "
            f"sliding blocks as {out}, but its components must be at least one."
        )
    return batched(lambda x: bind(ops.unfold, (x, kernel, stride2, pads, dilation2)), input, 2)


def _blocks(kernel: Any, dilation: Any, padding: Any, stride: Any) -> Any:
    sizes = (
        tuple_of(kernel, 2, "kernel_size"),
        tuple_of(stride, 2, "stride"),
        tuple_of(dilation, 2, "dilation"),
    )
    for name, values in zip(("kernel size", "stride", "dilation"), sizes):
        if any(v <= 0 for v in values):
            raise RuntimeError(f"{name} should be greater than zero, but got {list(values)}")
    pads = tuple_of(padding, 2, "padding")
    if any(p < 0 for p in pads):
        raise RuntimeError(f"padding should be non-negative, but got {list(pads)}")
    return sizes[0], sizes[1], tuple((p, p) for p in pads), sizes[2]


def _block_counts(size: Any, kernel: Any, stride: Any, pads: Any, dilation: Any) -> tuple[int, ...]:
    return tuple(
        output_size(n, k, s, lo + hi, q) for n, k, s, (lo, hi), q in zip(size, kernel, stride, pads, dilation)
    )


def fold(
    input: Tensor,
    output_size: Sizes,
    kernel_size: Sizes,
    dilation: Sizes = 1,
    padding: Sizes = 0,
    stride: Sizes = 1,
) -> Tensor:
    """Columns (N, C·kH·kW, blocks) added up into an image (N, C, H, W): the transpose of unfold.

    >>> import chainrule as cr
    >>> cr.nn.functional.fold(cr.ones(1, 4, 4), (3, 3), 2)[0, 0, 1]
    tensor([2., 4., 2.])
    """
    tensor_argument("fold", input)
    size = tuple_of(output_size, 2, "output_size")
    kernel, stride2, pads, dilation2 = _blocks(kernel_size, dilation, padding, stride)
    shape = input._a.shape
    if len(shape) not in (2, 3):
        raise RuntimeError(
            "Expected 2D or 3D (batch mode) tensor for input with possibly 0 batch size, but got: "
            f"{list(shape)}"
        )
    if shape[-2] % prod(kernel):
        raise RuntimeError(
            "Expected size of input's dimension 1 to be divisible by the product of kernel_size, but got "
            f"input.size(1)={shape[-2]} and kernel_size={kernel}."
        )
    out = _block_counts(size, kernel, stride2, pads, dilation2)
    if any(n < 1 for n in out) or shape[-1] != prod(out):
        raise RuntimeError(
            f"Given output_size={size}, kernel_size={kernel}, dilation={dilation2}, "
            f"padding={tuple(p for p, _ in pads)}, stride={stride2}, expected size of input's dimension 2 to "
            f"match the calculated number of sliding blocks {' * '.join(map(str, out))} = {prod(out)}, "
            f"but got input.size(2)={shape[-1]}."
        )
    return batched(lambda x: bind(ops.fold, (x, size, kernel, stride2, pads, dilation2)), input, 1)


__all__ = [
    "conv1d", "conv2d", "conv3d", "conv_tbc", "conv_transpose1d", "conv_transpose2d", "conv_transpose3d",
    "fold", "unfold",
]  # fmt: skip
