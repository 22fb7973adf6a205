"""The computation of recurrent layers: records of whole sequences, and cells with their walk for the rest."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from ..functional.join import cat, stack
from ..ops.recurrent import gru_layer, lstm_layer, rnn_layer
from ..tensor import Tensor
from . import functional as F

State = tuple[Any, ...]
# (projected input of one step, state, recurrent weights) -> new state, whose first entry is the output
Weights = Sequence[Any]  # tensors; None for a bias or projection that there is none of
Cell = Callable[[Any, State, Weights], State]


def tanh_cell(x: Any, state: State, weights: Weights) -> State:
    """h' = tanh(x + h Wᵀ + b)."""
    return ((x + F.linear(state[0], weights[0], weights[1])).tanh(),)


def relu_cell(x: Any, state: State, weights: Weights) -> State:
    """h' = max(0, x + h Wᵀ + b)."""
    return ((x + F.linear(state[0], weights[0], weights[1])).relu(),)


def lstm_cell(x: Any, state: State, weights: Weights) -> State:
    """c' = σ(f)·c + σ(i)·tanh(g), h' = σ(o)·tanh(c'), with [i f g o] = x + h Wᵀ + b; h' may be projected."""
    h, c = state
    i, f, g, o = (x + F.linear(h, weights[0], weights[1])).chunk(4, -1)
    c = f.sigmoid() * c + i.sigmoid() * g.tanh()
    h = o.sigmoid() * c.tanh()
    projection = weights[2]
    return (h if projection is None else F.linear(h, projection)), c


def gru_cell(x: Any, state: State, weights: Weights) -> State:
    """h' = n + z·(h - n), with r, z = σ(…) and n = tanh(xₙ + r·(h Wₙᵀ + bₙ))."""
    h = state[0]
    xr, xz, xn = x.chunk(3, -1)
    hr, hz, hn = F.linear(h, weights[0], weights[1]).chunk(3, -1)
    r = (xr + hr).sigmoid()
    z = (xz + hz).sigmoid()
    n = (xn + r * hn).tanh()
    return (n + z * (h - n),)


CELLS: dict[str, tuple[Cell, int]] = {  # with the number of gates
    "RNN_TANH": (tanh_cell, 1), "RNN_RELU": (relu_cell, 1), "LSTM": (lstm_cell, 4), "GRU": (gru_cell, 3),
}  # fmt: skip


def walk(
    cell: Cell, steps: Sequence[Tensor], state: State, weights: Weights, reverse: bool
) -> tuple[list[Tensor], State]:
    """The outputs along `steps` (each (batch, gates·hidden)) and the last state of every sequence.

    The batch may shrink from step to step, as in packed sequences: finished sequences' states are set aside.
    """
    outputs: list[Tensor] = []
    finished: list[State] = []
    start = state
    rows = steps[-1 if reverse else 0].shape[0]
    if rows != start[0].shape[0]:
        state = tuple(s[:rows] for s in start)
    for x in reversed(steps) if reverse else steps:
        now = x.shape[0]
        if now < rows:
            finished.append(tuple(s[now:] for s in state))
            state = tuple(s[:now] for s in state)
        elif now > rows:  # backwards in time: shorter sequences begin with their initial state
            state = tuple(cat((s, s0[rows:now])) for s, s0 in zip(state, start))
        rows = now
        state = cell(x, state, weights)
        outputs.append(state[0])
    if finished:
        state = tuple(cat(parts) for parts in zip(state, *reversed(finished)))
    return (outputs[::-1] if reverse else outputs), state


def _recorded(
    mode: str, input: Tensor, counts: tuple[int, ...], state: State, weights: Weights, reverse: bool
) -> tuple[Tensor, State]:
    """One direction of one layer over (rows, in), as one operation behind the input's projection."""
    w_ih, w_hh, b_ih, b_hh, _ = weights
    for s in state:
        if s.dtype != input.dtype:
            raise RuntimeError(
                f"mat1 and mat2 must have the same dtype, but got {s.dtype} and {input.dtype}: convert the "
                f"hidden state with .to({input.dtype})"
            )
    if mode == "GRU":
        y, h, _ = gru_layer(F.linear(input, w_ih, b_ih), w_hh, b_hh, state[0], counts, reverse)
        return y, (h,)
    x = F.linear(input, w_ih, None if b_ih is None else b_ih + b_hh)
    if mode == "LSTM":
        y, h, c, *_ = lstm_layer(x, w_hh, *state, counts, reverse)
        return y, (h, c)
    y, h, _ = rnn_layer(x, w_hh, state[0], counts, reverse, mode == "RNN_RELU")
    return y, (h,)


def _walked(
    mode: str, input: Tensor, counts: tuple[int, ...], state: State, weights: Weights, reverse: bool
) -> tuple[Tensor, State]:
    """The same step by step: for projected states, half precision and complex numbers."""
    w_ih, w_hh, b_ih, b_hh, w_hr = weights
    steps = F.linear(input, w_ih, b_ih).split(counts)
    outputs, state = walk(CELLS[mode][0], steps, state, (w_hh, b_hh, w_hr), reverse)
    return cat(outputs), state


def one_direction(
    mode: str, input: Tensor, counts: tuple[int, ...], state: State, weights: Weights, reverse: bool
) -> tuple[Tensor, State]:
    """The outputs (rows, hidden) of input (rows, in) and the last state; `counts` rows belong to each step.

    `weights` are w_ih, w_hh, b_ih, b_hh, w_hr.
    """
    everyday = input._a.dtype.char in "fd" and weights[4] is None
    return (_recorded if everyday else _walked)(mode, input, counts, state, weights, reverse)


def run(
    mode: str, input: Tensor, batch_sizes: list[int] | None, initial: State,
    layers: list[list[list[Any]]], dropout: float,
) -> tuple[Tensor, State]:  # fmt: skip
    """All layers and directions over (T, N, in), or over (sum of batch_sizes, in): output and last states.

    `layers[l][d]` holds w_ih, w_hh, b_ih, b_hh, w_hr of layer l in direction d.
    """
    leading = input.shape[:-1]
    counts = (leading[1],) * leading[0] if batch_sizes is None else tuple(batch_sizes)
    if not counts:
        raise RuntimeError("Expected sequence length to be larger than 0 in RNN")
    if batch_sizes is None:
        input = input.reshape(leading[0] * leading[1], input.shape[-1])
    last: list[State] = []
    for number, directions in enumerate(layers):
        sides = []
        for d, weights in enumerate(directions):
            start = tuple(s[len(last)] for s in initial)
            output, state = one_direction(mode, input, counts, start, weights, bool(d))
            last.append(state)
            sides.append(output)
        input = sides[0] if len(sides) == 1 else cat(sides, -1)
        if dropout and number < len(layers) - 1:
            input = F.dropout(input, dropout, True)
    output = input if batch_sizes is not None else input.reshape(*leading, input.shape[-1])
    return output, tuple(stack(states) for states in zip(*last))


def zeros(shape: tuple[int, ...], like: Tensor) -> Any:
    """A zero state of the input's dtype."""
    return Tensor._wrap(np.zeros(shape, like._a.dtype))
