"""Names from the user's source: what an operation's operands and result are called on its line.

The tape notes (code, instruction) of each operation; Python 3.11 knows the columns of every instruction, so
the expression is found in the file's syntax tree.
"""

from __future__ import annotations

import ast
import linecache
from collections.abc import Iterator
from functools import lru_cache
from types import CodeType
from typing import Any, NamedTuple

_TURNED = ("T", "mT", "H", "mH")  # attributes that are computed, not names
Span = tuple[int, int, int, int]  # first line, last line, first column, last column


class Spot(NamedTuple):
    """An expression of the source.

    target    the variable that it is assigned to, if it is a whole right-hand side
    operands  the names of its operands, "" for those that are not just a name; numbers left out
    parts     the operands themselves
    """

    target: str
    operands: list[str]
    parts: list[Any]


class _File(NamedTuple):
    nodes: dict[Span, ast.expr | ast.AugAssign]
    targets: dict[ast.AST, str]


@lru_cache(maxsize=64)
def _parsed(name: str, text: str) -> _File | None:
    try:
        tree = ast.parse(text)
    except SyntaxError:
        return None
    nodes: dict[Span, Any] = {}
    targets: dict[ast.AST, str] = {}
    for node in ast.walk(tree):
        if isinstance(node, (ast.BinOp, ast.UnaryOp, ast.Call, ast.Subscript, ast.AugAssign, ast.Attribute)):
            nodes[_span(node)] = node
        target = _target(node)
        if target:
            targets[node.value] = target  # type: ignore[attr-defined]
    return _File(nodes, targets)


def _span(node: Any) -> Span:
    return node.lineno, node.end_lineno, node.col_offset, node.end_col_offset


def _target(node: ast.AST) -> str:
    if isinstance(node, ast.Assign) and len(node.targets) == 1 and isinstance(node.targets[0], ast.Name):
        return node.targets[0].id
    if isinstance(node, (ast.AnnAssign, ast.NamedExpr)) and isinstance(node.target, ast.Name):
        return node.target.id
    return ""


def spot(where: tuple[CodeType, int] | None) -> Spot | None:
    """The expression at a place of the code; None if the source cannot be read or is not an operation."""
    if where is None:
        return None
    code, instruction = where
    text = "".join(linecache.getlines(code.co_filename))
    span = next(_positions(code, instruction), None)
    file = _parsed(code.co_filename, text) if text and span else None
    node = file.nodes.get(span) if file and span else None
    if file is None or node is None:
        return None
    children = [c for c in _operands(node) if not isinstance(c, ast.Constant)]
    target = node.target.id if isinstance(node, ast.AugAssign) and isinstance(node.target, ast.Name) else ""
    return Spot(target or file.targets.get(node, ""), [name_of(c) for c in children], children)


def _positions(code: CodeType, instruction: int) -> Iterator[Span]:
    for i, (first, last, start, end) in enumerate(code.co_positions()):
        if i == instruction // 2 and None not in (first, last, start, end):
            yield first, last, start, end  # type: ignore[misc]


def _operands(node: Any) -> list[Any]:
    if isinstance(node, ast.BinOp):
        return [node.left, node.right]
    if isinstance(node, ast.UnaryOp):
        return [node.operand]
    if isinstance(node, ast.AugAssign):
        return [node.target, node.value]
    if isinstance(node, (ast.Subscript, ast.Attribute)):
        return [node.value]
    if isinstance(node.func, ast.Attribute) and not _is_module(node.func.value):
        return [node.func.value, *node.args]
    return [*node.args, *(k.value for k in node.keywords)]


def _is_module(node: Any) -> bool:
    """Whether the receiver of a call is a namespace: torch.exp(x), F.relu(x), self.layer(x)."""
    while isinstance(node, ast.Attribute):
        node = node.value
    return isinstance(node, ast.Name) and node.id in ("torch", "cr", "chainrule", "F", "nn", "self", "np")


def name_of(node: ast.AST) -> str:
    """What a plain name or attribute is called; "" for any other expression."""
    if isinstance(node, ast.Name):
        return node.id
    if isinstance(node, ast.Attribute) and node.attr not in _TURNED:
        inner = name_of(node.value)
        return f"{inner}.{node.attr}" if inner else ""
    return ""
