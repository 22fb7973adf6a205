"""The little language of the records' `lower` facet: parsed with Python's own parser, checked, never run.

NOTE [Grammar] An expression over the record's tensor parameters `a`, `b`, `c` (in order), its attributes by
name, number literals, True, False, `pi`, `inf`, `nan`, the operators + - * / ** and unary -, the comparisons,
& | ^ ~, and calls of the functions in one table. A facet that begins with "by " is prose: the record is not
lowered, and says by what it is computed and why. "checked: " marks a record whose values pass a check.
"""

from __future__ import annotations

import ast
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass


class LoweringError(ValueError):
    """A `lower` facet that is not an expression of the language; the message has the column."""


@dataclass(frozen=True, slots=True)
class Constant:
    """A number written in the expression."""

    value: float | int | bool


@dataclass(frozen=True, slots=True)
class Operand:
    """The record's tensor parameter number `index`."""

    index: int


@dataclass(frozen=True, slots=True)
class Attribute:
    """The record's attribute number `index`."""

    index: int


@dataclass(frozen=True, slots=True)
class Apply:
    """A function of the table, or an operator by its function's name."""

    function: str
    arguments: tuple[Node, ...]


Node = Constant | Operand | Attribute | Apply

PROSE = ("by ", "checked: ")
_LETTERS = "abc"
_NAMES = {"pi": math.pi, "inf": math.inf, "nan": math.nan}
_BINARY: dict[type[ast.operator], str] = {
    ast.Add: "add", ast.Sub: "sub", ast.Mult: "mul", ast.Div: "div", ast.Pow: "pow",
    ast.BitAnd: "and", ast.BitOr: "or", ast.BitXor: "xor",
}  # fmt: skip
_UNARY: dict[type[ast.unaryop], str] = {ast.USub: "neg", ast.Invert: "not"}
_COMPARE: dict[type[ast.cmpop], str] = {
    ast.Lt: "lt", ast.LtE: "le", ast.Gt: "gt", ast.GtE: "ge", ast.Eq: "eq", ast.NotEq: "ne",
}  # fmt: skip
OPERATORS = {*_BINARY.values(), *_UNARY.values(), *_COMPARE.values()}


def parse(source: str, operands: int, attributes: Sequence[str], functions: Mapping[str, int]) -> Node:
    """The expression as a tree; `functions` gives the number of arguments of each function.

    Raises LoweringError with the column (from 1) of what the language does not have.
    """
    try:
        tree = ast.parse(source, mode="eval")
    except (SyntaxError, ValueError) as e:
        column = getattr(e, "offset", None) or 1
        raise LoweringError(f"{source!r}, column {column}: this is not an expression ({e.args[0]})") from None
    known: dict[str, Node] = {name: Constant(value) for name, value in _NAMES.items()}
    known |= {letter: Operand(i) for i, letter in enumerate(_LETTERS[:operands])}
    known |= {name: Attribute(i) for i, name in enumerate(attributes)}
    return _Reader(source, known, functions).read(tree.body)


class _Reader:
    """Turns Python's syntax tree into the language's."""

    def __init__(self, source: str, known: Mapping[str, Node], functions: Mapping[str, int]) -> None:
        self.source, self.known, self.functions = source, known, functions

    def fail(self, at: ast.expr, words: str) -> LoweringError:
        # Python counts columns in UTF-8 bytes
        column = len(self.source.encode()[: at.col_offset].decode(errors="ignore")) + 1
        return LoweringError(f"{self.source!r}, column {column}: {words}")

    def read(self, e: ast.expr) -> Node:
        match e:
            case ast.Constant(value=bool() | int() | float() as value):
                return Constant(value)
            case ast.Name(id=name):
                return self._name(e, name)
            case ast.BinOp(left=left, op=op, right=right) if type(op) in _BINARY:
                return Apply(_BINARY[type(op)], (self.read(left), self.read(right)))
            case ast.UnaryOp(op=op, operand=inner) if type(op) in _UNARY:
                return Apply(_UNARY[type(op)], (self.read(inner),))
            case ast.Compare(left=left, ops=[op], comparators=[right]) if type(op) in _COMPARE:
                return Apply(_COMPARE[type(op)], (self.read(left), self.read(right)))
            case ast.Compare(ops=[_, _, *_]):
                raise self.fail(e, "a chain of comparisons: join two of them with &")
            case ast.Call(func=ast.Name(id=name), args=arguments, keywords=[]):
                return self._call(e, name, arguments)
        raise self.fail(e, f"{type(e).__name__} is not part of the language")

    def _name(self, e: ast.expr, name: str) -> Node:
        if name not in self.known:
            raise self.fail(e, f"unknown name {name!r}; known are {', '.join(self.known)}")
        return self.known[name]

    def _call(self, e: ast.expr, name: str, arguments: Sequence[ast.expr]) -> Node:
        if name not in self.functions:
            raise self.fail(e, f"unknown function {name!r}; known are {', '.join(sorted(self.functions))}")
        if len(arguments) != self.functions[name]:
            raise self.fail(e, f"{name} takes {self.functions[name]} arguments, not {len(arguments)}")
        return Apply(name, tuple([self.read(a) for a in arguments]))


def functions_of(node: Node) -> set[str]:
    """The names of the functions and operators that an expression applies."""
    if not isinstance(node, Apply):
        return set()
    return {node.function}.union(*(functions_of(a) for a in node.arguments))
