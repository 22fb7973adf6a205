"""A derivation as the NumPy function that a person would have written.

Every line is a formula of the derivation. Elementwise records are written from their `lower` facet, others by
`code_records`; what neither has is called, with a comment that says so: the record's own NumPy forward is
copied if it stands for itself, and imported if it needs the library.
"""

from __future__ import annotations

import builtins
import inspect
import keyword
import re
import sys
from collections.abc import Iterator
from textwrap import dedent, indent, wrap
from typing import Any

import numpy as np

from ..errors import message
from ..ops.record import Op
from ..types import BOOL, FLOAT, DType
from .algebra import key
from .code_records import FUNCTIONS, RULES
from .code_text import HELPERS, NEG, Renderer, Text, expression, number, uses_of
from .derivation import Derivation, Step
from .expr import Expr, Symbol, is_number, size, spec_of, value_of

_NAME = re.compile(r"^[^\W\d]\w*$")
_KEPT = frozenset({"np", "math", "gradients", *HELPERS, *FUNCTIONS, *dir(builtins)})


def source(d: Derivation) -> str:
    """The source of `gradients(…)`: the inputs of a derivation in, a dictionary of their gradients out."""
    return _Writer(d).source()


class _Writer:
    def __init__(self, d: Derivation) -> None:
        self.d = d
        self.lines: list[str] = []
        self.above: dict[str, str] = {}  # functions and imports that the lines need
        self.names: dict[Symbol, str] = {}
        self.taken = set(_KEPT)
        self.known: dict[Any, str] = {}  # what is computed more than once, by name
        self.inputs = [s for s in d.steps if s.kind == "input"]
        gradients = {g: v for v, g in d.gradients.items()}
        for step in d.steps:
            code, v = step.symbol.code, gradients.get(step.symbol)
            if v is not None and code == f"d_{d.symbols[v].code}":  # of two variables called h: d_h and d_h_2
                code = f"d_{self.names[d.symbols[v]]}"
            self.names[step.symbol] = self._free(code)
        self.repeated = _repeated([s.formula for s in d.steps])

    def source(self) -> str:
        body = []
        for kind, heading in (("forward", "forward pass"), ("backward", "backward pass, from the loss")):
            self.lines = []
            for step in self.d.steps:
                if step.kind == kind:
                    self._step(step)
            body += [f"# {heading}", *self.lines]
        wanted = [(v, g) for v, g in self.d.gradients.items() if v in self.d.program.inputs]
        order = {s.symbol.var: i for i, s in enumerate(self.inputs)}
        wanted.sort(key=lambda pair: order.get(pair[0], -1))
        pairs = ", ".join(f'"{self.names[self.d.symbols[v]]}": {self.names[g]}' for v, g in wanted)
        arguments = ", ".join(self.names[s.symbol] for s in self.inputs)
        words = f'"""The gradients of {self.names[self.d.loss]}, each with the shape of its variable."""'
        head = "import numpy as np\n"
        if any(h in self.above for h in HELPERS):
            head = "import math\n\n" + head
        imports = [a for a in self.above.values() if "\nfrom " in a or a.startswith("from ")]
        functions = [a for a in self.above.values() if a not in imports]
        blocks = [head + "".join(f"{i}\n" for i in imports), *functions]
        main = f"def gradients({arguments}):\n" + indent(
            "\n".join([words, *self._owners(), *body, f"return {{{pairs}}}"]), "    "
        )
        return "\n\n".join([*(b if b.endswith("\n") else b + "\n" for b in blocks), main]) + "\n"

    def _owners(self) -> list[str]:
        """Comments that say which arguments are which modules' parameters."""
        legend = self.d.legend
        own = [(self.names[s.symbol], legend.get(s.symbol.tex, "")) for s in self.inputs]
        return wrap(", ".join(f"{name}: {of}" for name, of in own if "." in of), 96,
                    initial_indent="# ", subsequent_indent="# ")  # fmt: skip

    # ----- what rules ask for

    def named(self, text: Text) -> str:
        if _NAME.match(text.source):
            return text.source
        name = self.fresh()
        self.line(f"{name} = {text.source}")
        return name

    def helper(self, name: str) -> str:
        self.above.setdefault(name, FUNCTIONS[name])
        return name

    def line(self, text: str) -> None:
        self.lines.append(text)

    def fresh(self) -> str:
        n = 1
        while f"t{n}" in self.taken:
            n += 1
        return self._free(f"t{n}")

    def _free(self, code: str) -> str:
        base = re.sub(r"\W", "_", code) or "u"
        base = f"{base}_" if keyword.iskeyword(base) or not _NAME.match(base) else base
        name, n = base, 1
        while name in self.taken or keyword.iskeyword(name):
            n += 1
            name = f"{base}_{n}"
        self.taken.add(name)
        return name

    # ----- formulas

    def _step(self, step: Step) -> None:
        text = self.expr(step.formula).source
        if is_number(step.formula) and step.shape:
            text = f"np.full({step.shape}, {float(step.formula)})"  # type: ignore[arg-type]
        elif _shape(step.formula) != step.shape:
            text = f"np.broadcast_to({text}, {step.shape})"
        self.line(f"{self.names[step.symbol]} = {text}")
        if isinstance(step.formula, Expr):
            self.known.setdefault(key(step.formula), self.names[step.symbol])

    def expr(self, x: Any) -> Text:
        """The source of a formula, or of an attribute."""
        if isinstance(x, Symbol):
            return Text(self.names[x])
        if not isinstance(x, Expr):
            return number(x) if is_number(x) else Text(repr(x))
        k = key(x)
        if k in self.known:
            return Text(self.known[k])
        text = self._operation(x)
        if k in self.repeated and not _NAME.match(text.source):
            self.known[k] = self.named(text)
            return Text(self.known[k])
        return text

    def _operation(self, x: Expr) -> Text:
        node = expression(x.op)
        if node is not None:
            return self._elementwise(x, node)
        operands: Any = [None if a is None else self.expr(a) for a in x.operands]
        rule = RULES.get(x.op)
        args = (operands, *x.attributes) if x.op.nargs < 0 else (*operands, *x.attributes)
        found = rule(self, x, *args) if rule is not None else None
        return found if found is not None else self._called(x, operands)

    def _elementwise(self, x: Expr, node: Any) -> Text:
        operands = []
        for i, a in enumerate(x.operands):
            text = number(0) if a is None else self.expr(a)
            if isinstance(a, Expr) and a.spec.dtype.category == BOOL and x.spec.dtype.category >= FLOAT:
                text = Text(f"{text.within(NEG)} * 1.0", 2) if len(x.operands) == 1 else text
            if uses_of(node, i) > 1 and not _NAME.match(text.source) and not is_number(a):
                text = Text(self.named(text))
            operands.append(text)
        renderer = Renderer(operands, x.attributes)
        found = renderer.text(node)
        for name in renderer.helpers:
            self.above.setdefault(name, HELPERS[name])
        return found

    # ----- records that are called

    def _called(self, x: Expr, operands: list[Text | None]) -> Text:
        """The record's own forward: copied if it needs NumPy alone, imported if not."""
        op = x.op
        copied = _self_contained(op)
        if copied is not None:
            name = f"_{op.name}"
            self.above.setdefault(name, f"# the library's own NumPy code\n{copied}")
        else:
            module, found = _place(op)
            name = f"{found}.forward"
            self.above.setdefault(name, f"# {found} is computed by the library\nfrom {module} import {found}")
        listed = ["None" if o is None else _as_array(o, a) for o, a in zip(operands, x.operands)]
        if op.nargs < 0:
            listed = [f"[{', '.join(listed)}]"]
        call = f"{name}({', '.join([*listed, *(self._attribute(a) for a in x.attributes)])})"
        return Text(f"{call}[{x.index}]" if op.outputs != 1 else call)

    def _attribute(self, a: Any) -> str:
        if isinstance(a, tuple):
            return f"({', '.join(map(self._attribute, a))}{',' * (len(a) == 1)})"
        if isinstance(a, list):
            return f"[{', '.join(map(self._attribute, a))}]"
        if isinstance(a, float) and not np.isfinite(a):
            return number(a).source
        if a is None or a is Ellipsis or isinstance(a, (bool, int, float, str, slice)):
            return repr(a)
        if isinstance(a, DType):
            self.above.setdefault(a.name, f"from chainrule import {a.name}")
            return a.name
        if isinstance(a, Op):
            module, found = _place(a)
            self.above.setdefault(found, f"from {module} import {found}")
            return found
        if isinstance(a, np.ndarray):
            return f"np.array({a.tolist()})"
        kind = type(a)
        if kind.__module__.startswith("chainrule.ops"):
            fields = [getattr(a, p) for p in inspect.signature(kind).parameters]
            self.above.setdefault(kind.__name__, f"from {kind.__module__} import {kind.__name__}")
            return f"{kind.__name__}({', '.join(map(self._attribute, fields))})"
        raise NotImplementedError(
            message(
                "an operation cannot be written as code",
                came=f"an attribute of type {type(a).__name__}",
                expected="numbers, text and tuples of them",
            )
        )


def _as_array(text: Text, operand: Any) -> str:
    """An operand of a forward, which asks for its dtype and shape."""
    spec = spec_of(operand)
    if spec is not None:
        return text.source if spec.shape else f"np.asarray({text.source})"
    return f"np.asarray({text.source}, float)"


def _shape(x: Any) -> tuple[int, ...]:
    """The shape that the source will have: what spread a number out may have been left out."""

    def ordinary(s: Symbol) -> Any:
        if s.spec.dtype.category < FLOAT:
            return np.zeros(s.spec.shape, s.spec.dtype.np)
        square = s.spec.shape[-2:-1] == s.spec.shape[-1:]
        return np.ones(s.spec.shape, s.spec.dtype.np) + (np.eye(s.spec.shape[-1]) if square else 0)

    try:
        return np.shape(value_of(x, ordinary))
    except (RuntimeError, ValueError, IndexError):  # no value there, such as of a matrix without an inverse
        spec = spec_of(x)
        return spec.shape if spec is not None else ()


def _repeated(formulas: Any) -> set[Any]:
    """What stands more than once in formulas and is worth a name."""
    counts: dict[Any, int] = {}

    def walk(x: Any) -> None:
        if isinstance(x, Expr):
            k = key(x)
            counts[k] = counts.get(k, 0) + 1
            if counts[k] == 1:
                for a in x.operands:
                    walk(a)
            elif size(x) < 2 and x.op.view:
                del counts[k]

    for f in formulas:
        walk(f)
    return {k for k, n in counts.items() if n > 1}


def _self_contained(op: Op) -> str | None:
    """The source of a forward that needs nothing but NumPy."""
    f = op.forward
    if not inspect.isfunction(f) or f.__closure__ or f.__name__ == "<lambda>":
        return None
    names = set(_globals(f.__code__))
    if not names <= {"np", *dir(builtins)}:
        return None
    text = dedent(inspect.getsource(f))
    head, colon, body = re.sub(rf"^def {f.__name__}\(.*?\) ->[^:]*:", "def :", text, flags=re.S).partition(
        ":"
    )
    parameters = ", ".join(inspect.signature(f).parameters)
    return f"def _{op.name}({parameters}):{body.rstrip()}" if colon and head == "def " else None


def _globals(code: Any) -> Iterator[str]:
    import dis

    for i in dis.get_instructions(code):
        if i.opname == "LOAD_GLOBAL":
            yield i.argval
    for c in code.co_consts:
        if inspect.iscode(c):
            yield from _globals(c)


def _place(op: Op) -> tuple[str, str]:
    """The module and name under which a record can be imported."""
    for module, loaded in list(sys.modules.items()):
        if module.startswith("chainrule.ops."):
            for name, value in vars(loaded).items():
                if value is op:
                    return module, name
    raise NotImplementedError(
        message(
            f"{op.name} cannot be written as code: it is no operation of the library",
            came="a module that is shown as a single step",
            expected="operations",
            fix="explain the loss without depth=",
        )
    )
