"""Formulas written out over elements, with Σ, as people derive them by hand."""

from __future__ import annotations

from collections.abc import Callable
from itertools import product as pairs
from typing import Any

import numpy as np

from . import element_rules as element_rules
from .elements import At, Index, Same, Sum, aligned, arrays_in, element, fresh, indices_in, tidied, value_at
from .expr import Symbol
from .notation import tex
from .unicode import plain

LETTERS = "ijklpqrst"


class Line:
    """v_{ij} = its formula over elements."""

    def __init__(self, symbol: Symbol, formula: Any) -> None:
        self.indices = fresh(symbol.spec.shape)
        self.left = At(symbol, self.indices)
        self.right = element(formula, aligned(formula, self.indices))
        if formula is not None and not isinstance(self.right, (At, Same, Sum)):
            self.right = tidied(self.right)
        self._name()

    def _name(self) -> None:
        taken = {s.tex for x in (self.left, self.right) for s in arrays_in(x)}
        letters = iter([c for c in LETTERS if c not in taken])
        for i in (*self.indices, *indices_in(self.right)):
            if isinstance(i, Index) and not i.letter:
                i.letter = next(letters, "m")

    @property
    def left_tex(self) -> str:
        """The element that the line is about."""
        return self.left.written()[0]

    @property
    def right_tex(self) -> str:
        """Its formula."""
        return tex(self.right)

    def value(self, values: Callable[[Symbol], Any]) -> Any:
        """The whole array, element by element."""
        shape = self.left.array.spec.shape
        counted = [i for i in self.indices if isinstance(i, Index)]
        found = [
            value_at(self.right, dict(zip(counted, where)), values)
            for where in pairs(*(range(i.size) for i in counted))
        ]
        return np.reshape(np.array(found), shape)

    def __str__(self) -> str:
        return plain(f"{self.left_tex} = {self.right_tex}")
