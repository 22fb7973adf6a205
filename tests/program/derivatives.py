"""What the tests of derivatives share: the gradients of a function by the program, and by the tape."""

from __future__ import annotations

from typing import Any

import numpy as np

import chainrule as cr
from chainrule.program import differentiate, interpret, trace, verify
from chainrule.types import FLOAT

EXACT = {"rtol": 1e-10, "atol": 1e-12}


def tensor(array, requires_grad=False):
    return cr.Tensor._wrap(np.array(array), requires_grad and array.dtype.kind in "fc")


def listed(results):
    return list(results) if isinstance(results, (tuple, list)) else [results]


def like(arrays, seed):
    """Random numbers in the place of each floating array."""
    source = np.random.default_rng(seed)

    def one(a):
        real = source.normal(size=a.shape)
        return (real + 1j * source.normal(size=a.shape) if a.dtype.kind == "c" else real).astype(a.dtype)

    return [one(a) for a in arrays if a.dtype.kind in "fc"]


def traced(function, inputs):
    """The program of the function, whose changes of its arguments are outputs, too; where those stand."""
    found = trace(function, tuple(map(tensor, inputs)))
    return verify(found.program), found.written


def outputs_on_tape(function, leaves, written):
    """What the program's outputs are on the tape; the function gets copies, since it may change them."""
    arguments = [t.clone() for t in leaves]
    results = listed(function(*arguments))
    fresh = [r for i, r in enumerate(results) if not any(r is x for x in [*arguments, *results[:i]])]
    return fresh + [arguments[i] for i in written]


def gradients_on_tape(outputs, targets, cotangents, create_graph=False):
    """The gradients of those outputs that have one; `cotangents` are of all floating ones."""
    floating = [t for t in outputs if t.dtype.category >= FLOAT]
    pairs = [(t, v) for t, v in zip(floating, cotangents, strict=True) if t.requires_grad]
    if not pairs:
        return [cr.zeros_like(t) for t in targets]
    roots, given = zip(*pairs)
    return cr.autograd.grad(roots, targets, given, create_graph=create_graph, materialize_grads=True)


def same(got, want, **tolerance):
    want = [w.detach().numpy() for w in want]
    assert [(g.dtype, g.shape) for g in got] == [(w.dtype, w.shape) for w in want]
    for g, w in zip(got, want):
        np.testing.assert_allclose(g, w, **(tolerance or EXACT))


def check_first(function, inputs):
    """differentiate() once, against the tape."""
    program, written = traced(function, inputs)
    gradient = verify(differentiate(program))
    leaves = [tensor(a, True) for a in inputs]
    outputs = outputs_on_tape(function, leaves, written)
    cotangents = like([t._array() for t in outputs], 1)
    want = gradients_on_tape(outputs, [t for t in leaves if t.requires_grad], map(tensor, cotangents))
    same(interpret(gradient, [*inputs, *cotangents]), want)


def check_second(function, inputs, **tolerance: Any):
    """differentiate() twice, against create_graph: by the inputs and by the first cotangents."""
    program, written = traced(function, inputs)
    twice = verify(differentiate(differentiate(program)))
    leaves = [tensor(a, True) for a in inputs]
    outputs = outputs_on_tape(function, leaves, written)
    cotangents = like([t._array() for t in outputs], 1)
    first = [tensor(v, True) for v in cotangents]
    targets = [t for t in leaves if t.requires_grad]
    found = gradients_on_tape(outputs, targets, first, create_graph=True)
    again = like([t._array() for t in found], 2)
    want = gradients_on_tape(found, [*targets, *first], map(tensor, again))
    same(interpret(twice, [*inputs, *cotangents, *again]), want, **tolerance)
