"""Pieces of NumPy source with their binding power, and elementwise records from their `lower` facet."""

from __future__ import annotations

import math
from collections.abc import Sequence
from functools import lru_cache
from typing import Any, NamedTuple

from ..compiler.expression import PROSE, Apply, Attribute, Constant, Node, Operand, parse
from ..compiler.lanes import ARGUMENTS
from ..ops.record import Op

ANY, ADD, MUL, NEG, POW, ATOM = range(6)


class Text(NamedTuple):
    """Source of an expression, and how tightly it holds together."""

    source: str
    power: int = ATOM

    def within(self, power: int) -> str:
        """It where something that binds like this is needed."""
        return self.source if self.power >= power else f"({self.source})"


_SIGNS = {
    "add": "+", "sub": "-", "mul": "*", "div": "/", "pow": "**", "and": "&", "or": "|", "xor": "^",
    "lt": "<", "le": "<=", "gt": ">", "ge": ">=", "eq": "==", "ne": "!=",
}  # fmt: skip
_POWERS = {"add": ADD, "sub": ADD, "mul": MUL, "div": MUL, "pow": POW}
_NUMPY = {
    "asin": "arcsin", "acos": "arccos", "atan": "arctan", "atan2": "arctan2", "asinh": "arcsinh",
    "acosh": "arccosh", "atanh": "arctanh", "select": "where", "maxnum": "fmax", "minnum": "fmin",
    "shift_left": "left_shift", "shift_right": "right_shift",
}  # fmt: skip
HELPERS = {
    "erf": "erf = np.vectorize(math.erf, otypes=[float])",
    "erfc": "erfc = np.vectorize(math.erfc, otypes=[float])",
}


@lru_cache(maxsize=256)
def expression(op: Op) -> Node | None:
    """The record's expression, if it has one."""
    if not op.promote or op.lower.startswith(PROSE):
        return None
    return parse(op.lower, op.nargs, op.attrs, ARGUMENTS)


def uses_of(node: Node, index: int) -> int:
    """How often an operand stands in an expression."""
    if isinstance(node, Apply):
        return sum(uses_of(a, index) for a in node.arguments)
    return int(isinstance(node, Operand) and node.index == index)


def number(x: Any) -> Text:
    """A number as source."""
    if isinstance(x, float) and not math.isfinite(x):
        return Text("np.nan") if math.isnan(x) else Text("np.inf" if x > 0 else "-np.inf", NEG)
    whole = isinstance(x, float) and x == int(x) and abs(x) < 1e15
    text = f"{int(x)}" if whole else repr(x)
    return Text(text, NEG if text.startswith("-") else ATOM)


class Renderer:
    """An elementwise expression with operands put in; `helpers` are the functions that it calls."""

    def __init__(self, operands: Sequence[Text], attributes: Sequence[Any]) -> None:
        self.operands, self.attributes = operands, attributes
        self.helpers: set[str] = set()

    def text(self, node: Node) -> Text:
        """The source of the expression."""
        if isinstance(node, Operand):
            return self.operands[node.index]
        if isinstance(node, Attribute):
            return number(self.attributes[node.index])
        if isinstance(node, Constant):
            return number(node.value)
        return self._apply(node)

    def _fixed(self, node: Node) -> Any:
        """The value of an expression of attributes alone; None if it has another one."""
        if isinstance(node, Constant):
            return node.value
        if isinstance(node, Apply) and node.function == "given" and isinstance(node.arguments[0], Attribute):
            return self.attributes[node.arguments[0].index] is not None
        return None

    def _apply(self, node: Apply) -> Text:
        name = node.function
        if name == "select" and self._fixed(node.arguments[0]) is not None:
            return self.text(node.arguments[1 if self._fixed(node.arguments[0]) else 2])
        args = [self.text(a) for a in node.arguments]
        if name in _SIGNS:
            power = _POWERS.get(name, ANY)
            left = args[0].within(ATOM if name == "pow" else power + (power == ANY))
            right = args[1].within(NEG if name == "pow" else power + 1 - (name == "add"))
            return Text(f"{left} {_SIGNS[name]} {right}", power)
        if name == "neg":
            return Text(f"-{args[0].within(MUL)}", min(NEG, max(args[0].power, MUL)))
        if name == "not":
            return Text(f"~{args[0].within(NEG)}", NEG)
        if name == "truth":
            return Text(f"{args[0].within(ADD)} != 0", ANY)
        if name == "sigmoid":
            return Text(f"1 / (1 + np.exp(-{args[0].within(MUL)}))", MUL)
        if name == "rsqrt":
            return Text(f"1 / np.sqrt({args[0].source})", MUL)
        listed = ", ".join(a.source for a in args)
        if name in HELPERS:
            self.helpers.add(name)
            return Text(f"{name}({listed})")
        return Text(f"np.{_NUMPY.get(name, name)}({listed})")
