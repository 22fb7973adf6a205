"""Data that is computed where it is used, such as the x * x in `(x * x) @ w`, as the source writes it: x²."""

from __future__ import annotations

import ast
import re
from collections.abc import Callable

Letter = Callable[[str], str]
_SIGNS = {ast.Add: "+", ast.Sub: "-"}


def latex_of(node: ast.AST, letter: Letter) -> str:
    r"""An expression of the source in LaTeX; "" for one that has no short form.

    >>> def found(text):
    ...     return latex_of(ast.parse(text, mode="eval").body, lambda name: name)
    >>> found("x * x"), found("x[:, 0]"), found("x.T"), found("x - m"), found("[x]")
    ('x^{2}', 'x_{:,0}', 'x^\\top', 'x - m', '')
    """
    match node:
        case ast.Name(id=name):
            return letter(name)
        case ast.Constant(value=int() | float() as value) if not isinstance(value, bool):
            return f"{value:g}"
        case ast.Attribute(value=inner, attr="T" | "mT"):
            return _raised(inner, r"\top", letter)
        case ast.Attribute(attr=name):
            return letter(name)
        case ast.BinOp(left=left, op=op, right=right):
            return _operation(left, op, right, letter)
        case ast.UnaryOp(op=ast.USub(), operand=inner):
            return _filled("-{}", letter, inner)
        case ast.Subscript(value=inner, slice=index):
            return _indexed(inner, index, letter)
        case ast.Call(func=ast.Attribute(value=inner, attr=name), args=args, keywords=[]):
            return _call(name, args if _is_namespace(inner) else [inner, *args], letter)
        case ast.Call(func=ast.Name(id=name), args=args, keywords=[]):
            return _call(name, args, letter)
    return ""


def code_of(node: ast.AST) -> str:
    """A Python name for an expression.

    >>> code_of(ast.parse("x[:, 0]", mode="eval").body)
    'x_0'
    """
    name = "_".join(re.findall(r"\w+", ast.unparse(node)))
    return name if name[:1].isalpha() else f"u_{name}"


def _filled(form: str, letter: Letter, *parts: ast.AST) -> str:
    """The parts put into a form, sums in parentheses; "" if one has no short form."""
    texts = [latex_of(p, letter) for p in parts]
    return form.format(*(_closed(t, p) for t, p in zip(texts, parts))) if all(texts) else ""


def _closed(text: str, node: ast.AST) -> str:
    if isinstance(node, ast.UnaryOp) or (isinstance(node, ast.BinOp) and type(node.op) in _SIGNS):
        return rf"\left({text}\right)"
    return text


def _raised(inner: ast.AST, power: str, letter: Letter) -> str:
    text = latex_of(inner, letter)
    if not isinstance(inner, (ast.Name, ast.Attribute)) or "^" in text:
        text = text and rf"\left({text}\right)"
    return text and f"{text}^{power}"


def _operation(left: ast.AST, op: ast.operator, right: ast.AST, letter: Letter) -> str:
    number = isinstance(left, ast.Constant) or isinstance(right, ast.Constant)
    match op:
        case ast.Add() | ast.Sub():
            a, b = latex_of(left, letter), latex_of(right, letter)
            b = _closed(b, right) if isinstance(op, ast.Sub) else b
            return f"{a} {_SIGNS[type(op)]} {b}" if a and b else ""
        case ast.Mult() if ast.dump(left) == ast.dump(right):
            return _raised(left, "{2}", letter)
        case ast.Mult() if number:
            return _filled(r"{} \, {}", letter, left, right)
        case ast.Mult():
            found = _filled(r"{} \odot {}", letter, left, right)
            return found and rf"\left({found}\right)"
        case ast.MatMult():
            found = _filled(r"{} {}", letter, left, right)
            return found and rf"\left({found}\right)"
        case ast.Div():
            a, b = latex_of(left, letter), latex_of(right, letter)
            return rf"\frac{{{a}}}{{{b}}}" if a and b else ""
        case ast.Pow():
            power = latex_of(right, letter)
            return power and _raised(left, f"{{{power}}}", letter)
    return ""


def _indexed(inner: ast.AST, index: ast.AST, letter: Letter) -> str:
    """x_{:,0}: whole numbers and ranges of them."""
    text = latex_of(inner, letter) if isinstance(inner, ast.Name) else ""
    places = index.elts if isinstance(index, ast.Tuple) else [index]
    whole = all(isinstance(p, (ast.Constant, ast.Slice, ast.UnaryOp)) for p in places)
    if not text or "_" in text or not whole:
        return ""
    inside = ",".join(ast.unparse(p) for p in places)
    return f"{text}_{{{inside}}}" if ":" in inside else f"{text}[{inside}]"


def _call(name: str, args: list[ast.expr], letter: Letter) -> str:
    texts = [latex_of(a, letter) for a in args]
    called = name.replace("_", r"\_")
    return rf"\operatorname{{{called}}}({', '.join(texts)})" if all(texts) else ""


def _is_namespace(node: ast.AST) -> bool:
    """Whether it is a module: torch.exp(x)."""
    return isinstance(node, ast.Name) and node.id in ("torch", "cr", "chainrule", "F", "np")
