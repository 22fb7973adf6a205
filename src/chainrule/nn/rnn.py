"""Recurrent layers: RNN, LSTM and GRU."""

from __future__ import annotations

import math
import warnings
from typing import Any

from ..tensor import Tensor
from . import init
from ._make import empty
from ._recurrent import CELLS, State, run, zeros
from .module import Module
from .parameter import Parameter
from .utils.rnn import PackedSequence


def _check_sizes(
    input_size: Any,
    hidden_size: Any,
    num_layers: int,
    bias: Any,
    batch_first: Any,
    dropout: Any,
    proj_size: int,
) -> None:
    """Refuse sizes and options of the wrong type or out of range."""
    if isinstance(dropout, bool) or not isinstance(dropout, (int, float)) or not 0 <= dropout <= 1:
        raise ValueError(
            "dropout should be a number in range [0, 1] representing the probability of an element being "
            "zeroed"
        )
    if dropout > 0 and num_layers == 1:
        warnings.warn(
            "dropout option adds dropout after all but last recurrent layer, so non-zero dropout expects "
            f"num_layers greater than 1, but got dropout={dropout} and num_layers={num_layers}",
            stacklevel=4,
        )
    for name, value, kind in (
        ("bias", bias, bool), ("batch_first", batch_first, bool), ("input_size", input_size, int),
        ("hidden_size", hidden_size, int),
    ):  # fmt: skip
        if not isinstance(value, kind):
            raise TypeError(f"{name} should be of type {kind.__name__}, got: {type(value).__name__}")
        if kind is int and value <= 0:
            raise ValueError(f"{name} must be greater than zero")
    if num_layers <= 0:
        raise ValueError("num_layers must be greater than zero")
    if proj_size < 0:
        raise ValueError("proj_size should be a positive integer or zero to disable projections")
    if proj_size >= hidden_size:
        raise ValueError("proj_size has to be smaller than hidden_size")


class RNNBase(Module):
    """What RNN, LSTM and GRU share: the weights of every layer and direction, and the forward pass."""

    __constants__ = [
        "mode", "input_size", "hidden_size", "num_layers", "bias", "batch_first", "dropout", "bidirectional",
        "proj_size",
    ]  # fmt: skip

    def __init__(
        self, mode: str, input_size: int, hidden_size: int, num_layers: int = 1, bias: bool = True,
        batch_first: bool = False, dropout: float = 0.0, bidirectional: bool = False, proj_size: int = 0,
        device: Any = None, dtype: Any = None,
    ) -> None:  # fmt: skip
        super().__init__()
        _check_sizes(input_size, hidden_size, num_layers, bias, batch_first, dropout, proj_size)
        if mode not in CELLS:
            raise ValueError(f"Unrecognized RNN mode: {mode}")
        self.mode = mode
        self.input_size = input_size
        self.hidden_size = hidden_size
        self.num_layers = num_layers
        self.bias = bias
        self.batch_first = batch_first
        self.dropout = float(dropout)
        self.bidirectional = bidirectional
        self.proj_size = proj_size
        self._all_weights: list[list[str]] = []
        for layer in range(num_layers):
            for suffix in ("", "_reverse")[: self._directions]:
                shapes = self._shapes(layer)
                names = {f"{kind}_l{layer}{suffix}": shape for kind, shape in shapes.items()}
                for name, shape in names.items():
                    setattr(self, name, Parameter(empty(shape, device, dtype)))
                self._all_weights.append(list(names))
        self.reset_parameters()

    @property
    def _directions(self) -> int:
        return 2 if self.bidirectional else 1

    @property
    def _output_size(self) -> int:
        return self.proj_size or self.hidden_size

    def _shapes(self, layer: int) -> dict[str, tuple[int, ...]]:
        """The shapes of one layer's weights, in PyTorch's order."""
        gates = CELLS[self.mode][1] * self.hidden_size
        width = self.input_size if layer == 0 else self._output_size * self._directions
        shapes: dict[str, tuple[int, ...]] = {
            "weight_ih": (gates, width),
            "weight_hh": (gates, self._output_size),
        }
        if self.bias:
            shapes |= {"bias_ih": (gates,), "bias_hh": (gates,)}
        if self.proj_size:
            shapes["weight_hr"] = (self.proj_size, self.hidden_size)
        return shapes

    def reset_parameters(self) -> None:
        """Draw all weights and biases from U(-1/√hidden_size, 1/√hidden_size)."""
        bound = 1.0 / math.sqrt(self.hidden_size)
        for weight in self.parameters():
            init.uniform_(weight, -bound, bound)

    @property
    def all_weights(self) -> list[list[Any]]:
        """The weights by layer and direction."""
        return [[getattr(self, name) for name in names] for names in self._all_weights]

    @property
    def _flat_weights(self) -> list[Any]:
        return [weight for weights in self.all_weights for weight in weights]

    @property
    def _flat_weights_names(self) -> list[str]:
        return [name for names in self._all_weights for name in names]

    def flatten_parameters(self) -> None:
        """Nothing: it arranges weights in the memory of GPUs."""

    def extra_repr(self) -> str:
        parts = [f"{self.input_size}, {self.hidden_size}"]
        for name, usual in (
            ("proj_size", 0), ("num_layers", 1), ("bias", True), ("batch_first", False), ("dropout", 0),
            ("bidirectional", False),
        ):  # fmt: skip
            value = getattr(self, name)
            if value != usual:
                parts.append(f"{name}={value}")
        return ", ".join(parts)

    # ----- the forward pass

    def _state_sizes(self) -> tuple[int, ...]:
        return (self._output_size,)

    def _layers(self) -> list[list[list[Tensor | None]]]:
        """w_ih, w_hh, b_ih, b_hh, w_hr by layer and direction; None for those that this one lacks."""
        kinds = ("weight_ih", "weight_hh", "bias_ih", "bias_hh", "weight_hr")
        names = self._shapes(0)
        return [
            [
                [getattr(self, f"{kind}_l{layer}{suffix}") if kind in names else None for kind in kinds]
                for suffix in ("", "_reverse")[: self._directions]
            ]
            for layer in range(self.num_layers)
        ]

    def _forward(self, input: Any, hx: State | None) -> tuple[Any, State]:
        if isinstance(input, PackedSequence):
            return self._forward_packed(input, hx)
        name = type(self).__name__
        if input.ndim not in (2, 3):
            raise ValueError(f"{name}: Expected input to be 2D or 3D, got {input.ndim}D instead")
        batched = input.ndim == 3
        batch_dim = 0 if self.batch_first else 1
        if hx is not None:
            self._check_ndim(hx, batched)
        if not batched:
            input = input.unsqueeze(batch_dim)
            hx = None if hx is None else tuple(h.unsqueeze(1) for h in hx)
        state = self._state(input, hx, input.shape[batch_dim], 3)
        steps = input.transpose(0, 1) if self.batch_first else input
        output, last = self._run(steps, None, state)
        if self.batch_first:
            output = output.transpose(0, 1)
        if not batched:
            return output.squeeze(batch_dim), tuple(h.squeeze(1) for h in last)
        return output, last

    def _forward_packed(self, packed: PackedSequence, hx: State | None) -> tuple[Any, State]:
        data, sizes, order, back = packed
        counts: list[int] = sizes.tolist()
        if hx is not None and order is not None:
            hx = tuple(h.index_select(1, order) for h in hx)
        output, last = self._run(data, counts, self._state(data, hx, counts[0], 2))
        if back is not None:
            last = tuple(h.index_select(1, back) for h in last)
        return PackedSequence(output, sizes, order, back), last

    def _run(self, steps: Tensor, counts: list[int] | None, state: State) -> tuple[Tensor, State]:
        return run(self.mode, steps, counts, state, self._layers(), self.dropout if self.training else 0.0)

    def _check_ndim(self, hx: State, batched: bool) -> None:
        ndim, wanted = ("batched 3-D", 3) if batched else ("unbatched 2-D", 2)
        if all(h.ndim == wanted for h in hx):
            return
        if len(hx) == 1:
            raise RuntimeError(
                f"For {ndim} input, hx should also be {wanted}-D but got {hx[0].ndim}-D tensor"
            )
        got = ", ".join(f"{h.ndim}-D" for h in hx)
        raise RuntimeError(f"For {ndim} input, hx and cx should also be {wanted}-D but got ({got}) tensors")

    def _state(self, input: Tensor, hx: State | None, batch: int, ndim: int) -> State:
        """The initial state: zeros, or the given one if it fits."""
        weight = self._parameters.get("weight_ih_l0", None)
        if weight is not None and input.dtype != weight.dtype:
            raise ValueError(
                f"RNN input dtype ({input.dtype}) does not match weight dtype ({weight.dtype}). Convert "
                f"input: input.to({weight.dtype}), or convert model: model.to({input.dtype})"
            )
        if input.ndim != ndim:
            raise RuntimeError(f"input must have {ndim} dimensions, got {input.ndim}")
        if input.shape[-1] != self.input_size:
            raise RuntimeError(
                f"input.size(-1) must be equal to input_size. Expected {self.input_size}, got "
                f"{input.shape[-1]}"
            )
        shapes = [(self.num_layers * self._directions, batch, size) for size in self._state_sizes()]
        if hx is None:
            return tuple(zeros(shape, input) for shape in shapes)
        for i, (h, shape) in enumerate(zip(hx, shapes)):
            if tuple(h.shape) != shape:
                which = f"hidden[{i}]" if len(shapes) > 1 else "hidden"
                raise RuntimeError(f"Expected {which} size {shape}, got {list(h.shape)}")
        return hx


def _without_projection(kwargs: dict[str, Any]) -> None:
    if "proj_size" in kwargs:
        raise ValueError("proj_size argument is only supported for LSTM, not RNN or GRU")


class RNN(RNNBase):
    """h_t = tanh(x_t W_ihᵀ + b_ih + h_{t-1} W_hhᵀ + b_hh), in num_layers layers; or nonlinearity="relu".

    Input (T, N, input_size), (N, T, input_size) with batch_first, (T, input_size) or a PackedSequence;
    returns (outputs of all steps, h_n).
    """

    def __init__(
        self, input_size: int, hidden_size: int, num_layers: int = 1, nonlinearity: str = "tanh", *args: Any,
        **kwargs: Any,
    ) -> None:  # fmt: skip
        _without_projection(kwargs)
        if nonlinearity not in ("tanh", "relu"):
            raise ValueError(f"Unknown nonlinearity '{nonlinearity}'. Select from 'tanh' or 'relu'.")
        super().__init__(f"RNN_{nonlinearity.upper()}", input_size, hidden_size, num_layers, *args, **kwargs)
        self.nonlinearity = nonlinearity

    def forward(self, input: Any, hx: Tensor | None = None) -> tuple[Any, Tensor]:
        output, last = self._forward(input, None if hx is None else (hx,))
        return output, last[0]


class LSTM(RNNBase):
    """Long short-term memory: gates i, f, o and cell c, c_t = f·c_{t-1} + i·g, h_t = o·tanh(c_t).

    Input as for RNN; returns (outputs of all steps, (h_n, c_n)). With proj_size, h is projected to that size.

    >>> import chainrule as cr
    >>> cr.nn.LSTM(3, 4, num_layers=2, batch_first=True)
    LSTM(3, 4, num_layers=2, batch_first=True)
    """

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__("LSTM", *args, **kwargs)

    def _state_sizes(self) -> tuple[int, ...]:
        return self._output_size, self.hidden_size

    def forward(
        self, input: Any, hx: tuple[Tensor, Tensor] | None = None
    ) -> tuple[Any, tuple[Tensor, Tensor]]:
        output, (h, c) = self._forward(input, None if hx is None else tuple(hx))
        return output, (h, c)


class GRU(RNNBase):
    """Gated recurrent unit: h_t = (1 - z)·n + z·h_{t-1}, n = tanh(x_t Wᵀ + b + r·(h_{t-1} Uᵀ + c)).

    Input as for RNN; returns (outputs of all steps, h_n).
    """

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        _without_projection(kwargs)
        super().__init__("GRU", *args, **kwargs)

    def forward(self, input: Any, hx: Tensor | None = None) -> tuple[Any, Tensor]:
        output, last = self._forward(input, None if hx is None else (hx,))
        return output, last[0]
