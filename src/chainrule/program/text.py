"""Programs as text, for people and for golden files, and back."""

from __future__ import annotations

import ast
import base64
import re
from typing import Any, cast

import numpy as np

from ..errors import source_line
from ..ops.record import REGISTRY, Op
from ..types import DType
from .ir import LONG, SHORT, Equation, Program, Var

_INLINE = 8  # elements of a constant that are written as numbers


def names_of(program: Program) -> dict[Var, str]:
    """A name for each variable: its own if that is free, else a letter and a number."""
    names: dict[Var, str] = {}
    taken: set[str] = set()
    for i, v in enumerate(program.variables()):
        if v in names:
            continue
        wanted = re.sub(r"\W", "_", v.name)
        if not wanted or wanted in taken or wanted[0].isdigit():
            wanted = f"v{i}"
        names[v] = wanted
        taken.add(wanted)
    return names


def program_text(program: Program) -> str:
    """The program, one equation a line."""
    names = names_of(program)
    lines = [f"program({', '.join(f'{names[v]}: {v.type}' for v in program.inputs)}):"]
    for v, array in program.constants.items():
        lines.append(f"    {names[v]}: {v.type} = constant({_values(array)})")
    lines += ["    " + equation_text(e, names) for e in program.equations]
    lines.append(f"    return {', '.join(names[v] for v in program.outputs)}")
    return "\n".join(lines)


def equation_text(equation: Equation, names: dict[Var, str] | None = None) -> str:
    """One equation; `names` of its variables."""

    def name(v: Var) -> str:
        return (names or {}).get(v) or v.name or f"v{id(v) % 10000}"

    left = ", ".join(f"{name(v)}: {v.type}" for v in equation.outputs)
    right = ", ".join(argument_text(a, name) for a in equation.args)
    place = f"  # {source_line(equation.where)}" if equation.where is not None else ""
    return f"{left} = {equation.op.name}({right}){place}"


def argument_text(a: Any, name: Any) -> str:
    """One argument, `name(v)` for a variable; <Type> for what has no text."""
    if isinstance(a, Var):
        return str(name(a))
    if isinstance(a, DType):
        return SHORT[a.name]
    if isinstance(a, Op):
        return f"@{a.name}"
    if isinstance(a, slice):
        return f"slice({a.start}, {a.stop}, {a.step})"
    if a is Ellipsis:
        return "..."
    if isinstance(a, (tuple, list)):
        return "(" + "".join(argument_text(x, name) + ", " for x in a).rstrip() + ")"
    if isinstance(a, np.ndarray):
        return f"array({_values(a)}, {SHORT[str(a.dtype)]}, {a.shape})"
    if isinstance(a, float) and (a != a or a in (float("inf"), float("-inf"))):
        return {"nan": "nan", "inf": "inf", "-inf": "-inf"}[str(a)]
    if a is None or isinstance(a, (int, float, complex, str, bool)):
        return repr(a)
    return f"<{type(a).__name__}>"


def _values(array: Any) -> str:
    flat = np.ascontiguousarray(array).reshape(-1)
    if array.size > 1 and array.dtype.kind in "fiub" and flat.tobytes() == flat[:1].tobytes() * array.size:
        array = flat[:1]  # one number stands for all
    if array.size <= _INLINE and array.dtype.kind in "fiub":
        return ", ".join(map(repr, array.reshape(-1).tolist()))
    return f'"{base64.b64encode(np.ascontiguousarray(array).tobytes()).decode()}"'


# ----- back


class _Reader(ast.NodeVisitor):
    """Attributes from their syntax tree: literals, variables, dtypes, slices, records."""

    def __init__(self, variables: dict[str, Var]) -> None:
        self.variables = variables

    def generic_visit(self, node: ast.AST) -> Any:
        raise ValueError(f"{ast.unparse(node)!r} is not an argument of a program")

    def visit_Constant(self, node: ast.Constant) -> Any:
        return node.value

    def visit_Tuple(self, node: ast.Tuple) -> Any:
        return tuple(self.visit(e) for e in node.elts)

    def visit_UnaryOp(self, node: ast.UnaryOp) -> Any:
        return -self.visit(node.operand)

    def visit_BinOp(self, node: ast.BinOp) -> Any:  # complex numbers
        return self.visit(node.left) + self.visit(node.right)

    def visit_Name(self, node: ast.Name) -> Any:
        if node.id in self.variables:
            return self.variables[node.id]
        if node.id in LONG:
            return LONG[node.id]
        if node.id in ("inf", "nan"):
            return float(node.id)
        raise ValueError(f"{node.id!r} is not defined before it is used")

    def visit_Call(self, node: ast.Call) -> Any:
        values = [self.visit(a) for a in node.args]
        kind = node.func.id if isinstance(node.func, ast.Name) else ""
        if kind == "slice":
            return slice(*values)
        if kind == "record":
            return REGISTRY[values[0]]
        if kind == "array":
            *data, dtype, shape = values
            return _array(data, shape, dtype)
        return self.generic_visit(node)


_TYPE = re.compile(r"(\w+): (\w+)\[([\d,]*)\]")
_LINE = re.compile(r"(?P<left>.+?) = (?P<op>\w+)\((?P<args>.*)\)$")


def parse(text: str) -> Program:
    """The program that a text describes; ValueError names the line that does not parse.

    >>> str(parse("program(x: f32[2]):\\n    y: f32[2] = exp(x)\\n    return y"))
    'program(x: f32[2]):\\n    y: f32[2] = exp(x)\\n    return y'
    """
    variables: dict[str, Var] = {}
    inputs: tuple[Var, ...] = ()
    constants: dict[Var, Any] = {}
    equations: list[Equation] = []
    for number, line in enumerate(text.strip().splitlines(), 1):
        body = line.split("  # ")[0].strip()
        try:
            if number == 1:
                inputs = tuple(_declared(body, variables))
            elif body.startswith("return"):
                outputs = tuple(variables[n.strip()] for n in body[6:].split(",") if n.strip())
                return Program(inputs, constants, tuple(equations), outputs)
            else:
                _read_line(body, variables, constants, equations)
        except (ValueError, KeyError, SyntaxError, AttributeError) as error:
            raise ValueError(f"line {number} of the program, {line.strip()!r}: {error}") from None
    raise ValueError("the program ends without `return`")


def _read_line(
    body: str, variables: dict[str, Var], constants: dict[Var, Any], equations: list[Equation]
) -> None:
    found = _LINE.match(body)
    if found is None:
        raise ValueError("expected `name: type = operation(arguments)`")
    syntax = re.sub(r"@(\w+)", r"record('\1')", found["args"])
    call = cast(ast.Call, ast.parse(f"f({syntax})", mode="eval").body)
    args = tuple(_Reader(variables).visit(e) for e in call.args)
    outputs = _declared(found["left"], variables)
    if found["op"] == "constant":
        constants[outputs[0]] = _array(list(args), outputs[0].shape, outputs[0].dtype)
    else:
        if found["op"] not in REGISTRY:
            raise ValueError(f"there is no operation {found['op']!r}")
        equations.append(Equation(REGISTRY[found["op"]], args, outputs))


def _declared(text: str, variables: dict[str, Var]) -> list[Var]:
    found = []
    for name, dtype, sizes in _TYPE.findall(text):
        if name in variables:
            raise ValueError(f"{name!r} is defined twice")
        variables[name] = Var(tuple(int(n) for n in sizes.split(",") if n), LONG[dtype], name)
        found.append(variables[name])
    return found


def _array(data: list[Any], shape: Any, dtype: DType) -> Any:
    if len(data) == 1 and isinstance(data[0], str):
        return np.frombuffer(base64.b64decode(data[0]), dtype.np).reshape(shape).copy()
    if len(data) == 1:
        return np.full(shape, data[0], dtype.np)
    return np.array(data, dtype.np).reshape(shape)
