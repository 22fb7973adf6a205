"""Fractional max pooling (Graham, 2014): windows at pseudo-random places that cover the input evenly."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from ...dispatch import bind
from ...ops.fractional import fractional_places
from ...ops.pool import pool_pick
from ...ops.random import uniform
from ...random import default_generator
from ...tensor import Tensor
from ._arguments import batched, tuple_of
from .pooling import check_rank


def _fractional(d: int) -> tuple[Callable[..., Any], Callable[..., Any]]:
    name = f"fractional_max_pool{d}d"

    def with_indices(
        input: Tensor, kernel_size: Any, output_size: Any = None, output_ratio: Any = None,
        return_indices: bool = False,
        _random_samples: Tensor | None = None,
    ) -> tuple[Tensor, Tensor]:  # fmt: skip
        check_rank(name, input, d)
        kernel = tuple_of(kernel_size, d, "kernel_size")
        size = input._a.shape[-d:]
        out = _target(name, size, output_size, output_ratio)
        for i, (n, m, k) in enumerate(zip(size, out, kernel)):
            if m + k - 1 > n:
                raise RuntimeError(
                    f"{name}(): pool size {k} too large relative to input size {n} in dimension {i}"
                )

        def pool(x: Tensor) -> tuple[Tensor, Tensor]:
            samples = _random_samples
            if samples is None:
                shape = (*x._a.shape[:2], d)
                samples = bind(uniform, (default_generator, shape, x.dtype, 0.0, 1.0))
            index = bind(fractional_places, (x.detach(), samples, out, kernel))
            return bind(pool_pick, (x, index, d)), index

        return batched(pool, input, d)

    def function(
        input: Tensor, kernel_size: Any, output_size: Any = None, output_ratio: Any = None,
        return_indices: bool = False,
        _random_samples: Tensor | None = None,
    ) -> Any:  # fmt: skip
        found = with_indices(input, kernel_size, output_size, output_ratio, True, _random_samples)
        return found if return_indices else found[0]

    with_indices.__name__ = with_indices.__qualname__ = name + "_with_indices"
    with_indices.__doc__ = f"{name} and the flat index of each value taken."
    function.__name__ = function.__qualname__ = name
    function.__doc__ = f"""The largest values of output_size windows at pseudo-random places of the last {d}
    dimensions.

    Either output_size or output_ratio (a share of the input's size) is needed.
    Raises ValueError without either, RuntimeError for windows that do not fit.
    """
    return function, with_indices


def _target(name: str, size: Any, output_size: Any, output_ratio: Any) -> tuple[int, ...]:
    if output_size is None and output_ratio is None:
        raise ValueError(f"{name} requires specifying either an output_size or an output_ratio")
    if output_size is not None:
        return tuple_of(output_size, len(size), "output_size")
    ratios = (output_ratio,) * len(size) if isinstance(output_ratio, float) else tuple(output_ratio)
    return tuple(int(n * r) for n, r in zip(size, ratios))


fractional_max_pool2d, fractional_max_pool2d_with_indices = _fractional(2)
fractional_max_pool3d, fractional_max_pool3d_with_indices = _fractional(3)

__all__ = [
    "fractional_max_pool2d", "fractional_max_pool2d_with_indices", "fractional_max_pool3d",
    "fractional_max_pool3d_with_indices",
]  # fmt: skip
