"""Equations that do more than compute their outputs: draws move a generator on."""

from __future__ import annotations

from ...random import Generator
from ..ir import Equation


def draws(equation: Equation) -> bool:
    """Whether it takes random numbers: such an equation is never merged, moved, dropped or computed early."""
    return any(isinstance(a, Generator) for a in equation.args)
