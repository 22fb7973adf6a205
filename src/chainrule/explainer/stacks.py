"""Linear layers on top of each other with nothing between: what single layer they are.

A layer is x·M + b with M and b made of leaves alone, a matrix or a number. The collapsed layer is computed
and compared with the values of the pass before it is shown.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np

from ..ops import arithmetic, movement, nn, product, rearrange, view
from ..program.ir import Equation, Program, Var, uses

_BETWEEN = (movement.to, rearrange.clone, rearrange.contiguous)
_PRODUCTS = (product.mm, product.matmul, product.mv, product.bmm)


class Layer(NamedTuple):
    """y = x·matrix + bias, or matrix·x + bias for columns; `weight` is W where y = x·Wᵀ + bias."""

    x: Var
    y: Var
    matrix: Any
    bias: Any
    columns: bool
    weight: Var
    shift: Var | None
    transposed: bool  # matrix is weightᵀ
    scalar: bool


class Stack(NamedTuple):
    """Layers without an activation between, and the single layer that they are."""

    layers: list[Layer]
    weight: Any
    bias: Any


def stacks(program: Program, values: Any) -> list[Stack]:
    """All stacks of two or more layers, each as long as it gets."""
    finder = _Finder(program, values)
    return [s for s in map(finder.collapsed, finder.chains()) if s is not None]


class _Finder:
    def __init__(self, program: Program, values: Any) -> None:
        self.values, self.readers = values, uses(program)
        self.weights: set[Var] = set(program.inputs)
        self.maker: dict[Var, Equation] = {}
        self.layers: dict[Var, Layer] = {}
        for e in program.equations:
            self.maker.update(dict.fromkeys(e.outputs, e))
            if e.inputs and all(v in self.weights for v in e.inputs):
                self.weights.update(e.outputs)
            layer = self._layer(e)
            if layer is not None:
                self.layers[layer.y] = layer

    def _layer(self, e: Equation) -> Layer | None:
        """The layer that an equation ends."""
        if e.op is nn.linear:
            x, w, b = (*e.operands, None)[:3]
            known = w in self.weights and w.ndim == 2 and (b is None or b in self.weights)
            if known and x not in self.weights:
                return Layer(x, e.output, self._of(w).T, self._of(b), False, w, b, True, False)
            return None
        if e.op in _PRODUCTS:
            return self._matrix(e)
        if e.op is arithmetic.mul:
            return self._number(e)
        if e.op is arithmetic.add:
            return self._with_bias(e)
        return None

    def _of(self, v: Any) -> Any:
        return None if v is None else np.asarray(self.values[v])

    def _matrix(self, e: Equation) -> Layer | None:
        a, b = e.operands
        left, right = a in self.weights, b in self.weights
        if left == right:
            return None
        w, x = (a, b) if left else (b, a)
        if w.ndim != 2 or (left and x.ndim > 2):
            return None
        weight, turned = self._turned_back(w)
        return Layer(x, e.output, self._of(w), None, left, weight, None, turned, False)

    def _turned_back(self, w: Var) -> tuple[Var, bool]:
        """W itself, where its transpose is multiplied with."""
        maker = self.maker.get(w)
        turned = maker is not None and maker.op in (view.t, view.transpose, movement.permute)
        return (maker.inputs[0], True) if maker is not None and turned else (w, False)

    def _number(self, e: Equation) -> Layer | None:
        for w, x in (e.operands, e.operands[::-1]):
            if w in self.weights and isinstance(x, Var) and x not in self.weights and w.size == 1:
                return Layer(x, e.output, self._of(w).reshape(()), None, False, w, None, False, True)
        return None

    def _with_bias(self, e: Equation) -> Layer | None:
        for b, y in (e.operands, e.operands[::-1]):
            layer = self.layers.get(y)
            if b not in self.weights or layer is None or layer.bias is not None or not self._alone(y):
                continue
            fits = b.size == 1 if layer.scalar else b.ndim <= 1 or layer.columns or b.shape[0] == 1
            if fits:
                return layer._replace(y=e.output, bias=self._of(b), shift=b)
        return None

    def _alone(self, v: Var) -> bool:
        return len(self.readers.get(v, ())) == 1

    def chains(self) -> list[list[Layer]]:
        """Layers that read nothing but the layer before, whose result nobody else reads."""
        before: dict[Var, Layer] = {}
        for layer in self.layers.values():
            x = layer.x
            while x in self.maker and self.maker[x].op in _BETWEEN and self._alone(x):
                x = self.maker[x].inputs[0]
            lower = self.layers.get(x)
            alike = lower is not None and (lower.columns, lower.scalar) == (layer.columns, layer.scalar)
            if lower is not None and alike and self._alone(x):
                before[layer.y] = lower
        inner = {lower.y for lower in before.values()}
        found = []
        for y in before:
            if y not in inner and y not in self._unfinished():
                chain = [self.layers[y]]
                while chain[0].y in before:
                    chain.insert(0, before[chain[0].y])
                found.append(chain)
        return found

    def _unfinished(self) -> set[Var]:
        """Products whose bias is added by the next equation: the layer ends there."""
        return {
            v
            for layer in self.layers.values()
            if layer.shift is not None and self.maker[layer.y].op is arithmetic.add
            for v in self.maker[layer.y].inputs
        }

    def collapsed(self, chain: list[Layer]) -> Stack | None:
        """The single layer, if it gives what the pass gave."""
        first = chain[0]
        m, b = first.matrix, 0.0 if first.bias is None else first.bias
        for layer in chain[1:]:
            shift = 0.0 if layer.bias is None else layer.bias
            if layer.scalar:
                m, b = m * layer.matrix, b * layer.matrix + shift
            elif layer.columns:
                m, b = layer.matrix @ m, (layer.matrix @ b if np.ndim(b) else 0.0) + shift
            else:
                m, b = m @ layer.matrix, (b @ layer.matrix if np.ndim(b) else 0.0) + shift
        x, y = self._of(first.x), self._of(chain[-1].y)
        with np.errstate(all="ignore"):
            again = (x * m if first.scalar else m @ x if first.columns else x @ m) + b
        scale = np.abs(y[np.isfinite(y)]).max(initial=1.0)  # what has overflowed is equal to nothing finite
        if again.shape != y.shape or not np.allclose(again, y, rtol=1e-3, atol=1e-4 * scale):
            return None
        turned = not first.columns and all(c.transposed for c in chain)
        return Stack(chain, m.T if turned else m, b)
