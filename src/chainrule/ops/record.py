"""The operation record: what an operation is, written once; every other part of the package reads it."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from inspect import signature
from typing import Any, NamedTuple

from ..types import DType, Shape, broadcast_shapes, complex64, complex128, scalar_type

Rule = Callable[..., Any]

# Binding powers of the printed notation, weakest first.
# BIG operators such as Σ reach to the end of a product; HAD is ⊙, DOT is matrices side by side.
ADD, NEG, BIG, MUL, HAD, DOT, POW, ATOM = range(1, 9)


class Spec(NamedTuple):
    """What a type rule knows of a tensor: its shape and dtype, not its values."""

    shape: Shape
    dtype: DType

    @property
    def ndim(self) -> int:
        return len(self.shape)


class Bad(NamedTuple):
    """An input that the operation refuses: arguments, the error's type and words it must contain."""

    args: Callable[[], tuple[Any, ...]]
    error: type[Exception]
    words: str


class Carrier:
    """Base of what an operation can be applied to besides arrays: tensors, program variables, symbols."""

    __slots__ = ()

    def _apply(self, op: Op, args: tuple[Any, ...]) -> Any:
        raise NotImplementedError(f"{type(self).__name__} does not say how {op.name} applies to it")


class Op:
    """One operation with all its facets; calling it on arrays computes, on carriers it is their business.

    name      the operation's name; also the printed IR's
    forward   plain NumPy: forward(*arrays, *attributes)
    nargs     how many leading parameters are tensors; -1: the first parameter is a sequence of tensors
    attrs     names of the parameters behind them
    d         per argument ∂y/∂x, a number or a function (y, *args); the engine multiplies by the cotangent g
    vjp       per argument a function (g, y, *args, *attrs), or one function that returns all of them
    shape     type rule: (*specs, *attrs) -> shape, or a list of shapes; words its own error
    dtype     "same" as the (promoted) inputs, "bool", "int64", or a function of specs and attributes
    floats    integers are converted to the default float first
    weak      Python numbers are handed to forward as they are (NumPy has short cuts for them)
    refuses   dtypes PyTorch does not compute it on: letters of "bifc" (bool, int, float, complex), and B for
              any bool operand
    promote   which arguments take part in dtype promotion (elementwise operations)
    view      the result may share the input's memory
    outputs   1, or more for operations that return a tuple
    tex, prec the mathematician's notation with {0}, {1} … and its binding power
    form      where both depend on the arguments: a function of their specs and the attributes that returns
              them, or None for tex and prec; a count within it is written \\count{6}
    lower     how the compiler emits it: data for elementwise operations, or the reason for its absence
    domain    where to sample each argument (elementwise): (low, high)
    samples   argument tuples to try (structured): a function of a NumPy Generator
    singular  points where the derivative is a convention, in words
    bad       inputs it refuses and with which words
    nondiff   why there is no derivative, in words
    grad_name what PyTorch calls its backward node
    """

    __slots__ = (
        "attrs", "bad", "complex_pulls", "d", "differentiable", "domain", "drops", "dtype", "floats",
        "form", "forward", "grad_name", "joint", "lower", "name", "nargs", "needs", "nondiff", "outputs",
        "prec", "promote", "pulls", "reads", "reads_each", "reads_outputs", "reads_y", "refuses", "samples",
        "shape", "singular", "sizes", "tex", "view", "vjp", "weak",
    )  # fmt: skip

    name: str
    forward: Rule
    nargs: int
    joint: bool  # inferred: one rule returns all cotangents
    needs: bool  # inferred: … and takes `needs`, which of them are wanted
    pulls: tuple[Rule | None, ...]  # inferred: per argument the vjp
    complex_pulls: tuple[Rule | None, ...]  # inferred: the same for complex numbers
    reads: frozenset[int]  # inferred: the arguments whose values the rules read, which are saved for backward
    reads_each: tuple[frozenset[int], ...]  # inferred: the same, rule by rule
    reads_outputs: frozenset[int]  # inferred: which of several outputs they read
    drops: tuple[int, ...]  # inferred: the arguments whose values they do not read
    sizes: frozenset[int]  # inferred: the arguments of which they read only the shape
    reads_y: bool  # inferred: whether they read the result

    def __init__(self, name: str, forward: Rule, **facets: Any) -> None:
        self.name, self.forward = name, forward
        for key, value in facets.items():
            setattr(self, key, value)
        self.differentiable = self.d is not None or self.vjp is not None

    def __call__(self, *args: Any) -> Any:
        for a in args[0] if self.nargs < 0 else args:
            if isinstance(a, Carrier):
                return a._apply(self, args)
        return self.forward(*args)

    def __repr__(self) -> str:
        return f"<op {self.name}>"

    def __getattr__(self, key: str) -> Any:
        """What the rules read is inferred on first use, so that importing stays cheap."""
        if key in _INFERRED:
            self._infer()
            return getattr(self, key)
        raise AttributeError(f"op {self.name} has no facet {key!r}")

    def require(self, specs: Sequence[Any], dtype: DType) -> None:
        """Raise for the dtypes that PyTorch does not compute it on: see `refuses`."""
        if "B" in self.refuses:
            self.shape(*specs)
        if "bifc"[dtype.category] in self.refuses:
            instead = {"b": "float", "i": "float", "f": "long", "c": "abs"}[self.refuses[0]]
            raise NotImplementedError(
                f"\"{self.name}_cpu\" not implemented for '{scalar_type(dtype)}': convert the tensor to a "
                f"dtype that {self.name} is defined on, for example with .{instead}()"
            )

    def _infer(self) -> None:
        rules = self.d if self.d is not None else self.vjp
        self.joint = callable(rules)
        listed: Sequence[Any] = (rules,) if callable(rules) else (rules or ())
        skip = 1 if self.d is not None else 2  # (y, …) or (g, y, …)
        count = 1 if self.nargs < 0 else self.nargs
        each: list[frozenset[int]] = []
        sizes: set[int] = set()
        taken: set[int] = set()
        self.reads_y = self.needs = False
        for rule in listed:
            if not callable(rule):
                each.append(frozenset())
                continue
            names, (values, shapes) = _parameters(rule), _names_read(rule)
            self.reads_y |= names[skip - 1] in values | shapes
            self.needs |= "needs" in names
            inputs = names[skip : skip + count] if len(names) > skip else names[-1:] * count
            each.append(frozenset(i for i, n in enumerate(inputs) if n in values))
            sizes |= {i for i, n in enumerate(inputs) if n in shapes}
            if self.outputs != 1:
                taken |= _outputs_read(rule, names[skip - 1], self.outputs)
        reads = frozenset[int]().union(*each)
        self.reads_outputs = frozenset(taken)
        self.reads, self.reads_each, self.sizes = reads, tuple(each), frozenset(sizes - reads)
        self.drops = tuple(i for i in range(count) if i not in reads)
        self.pulls = self.complex_pulls = tuple(listed)
        if self.d is not None:
            self.pulls = tuple(_pull(p, self.nargs + len(self.attrs)) for p in listed)
            self.complex_pulls = tuple(_pull(_conjugate(p), 0) for p in listed)


_INFERRED = frozenset(
    {
        "complex_pulls",
        "joint",
        "drops",
        "needs",
        "pulls",
        "reads",
        "reads_each",
        "reads_outputs",
        "reads_y",
        "sizes",
    }
)


def _parameters(rule: Rule) -> tuple[str, ...]:
    code = rule.__code__
    return code.co_varnames[: code.co_argcount + code.co_kwonlyargcount + bool(code.co_flags & 4)]


def _names_read(rule: Rule) -> tuple[set[str], set[str]]:
    """The parameters whose value the rule's code loads, and those of which it only asks .shape or .ndim."""
    import dis

    values: set[str] = set()
    shapes: set[str] = set()
    code = list(dis.get_instructions(rule))
    for i, after in zip(code, [*code[1:], code[-1]]):
        if i.opname.startswith(("LOAD_FAST", "LOAD_CLOSURE", "LOAD_DEREF")):
            names = i.argval if isinstance(i.argval, tuple) else (i.argval,)
            values.update(names[:-1])
            only_shape = after.opname == "LOAD_ATTR" and after.argval in ("shape", "ndim", "dtype")
            (shapes if only_shape else values).add(names[-1])
    return values, shapes - values


def _outputs_read(rule: Rule, y: str, outputs: int) -> set[int]:
    """Which outputs the rule reads of the list `y`: those of `y[k]`; all if y is used in any other way."""
    import dis

    code = list(dis.get_instructions(rule))
    found: set[int] = set()
    for i, load in enumerate(code):
        names = load.argval if isinstance(load.argval, tuple) else (load.argval,)
        if not load.opname.startswith(("LOAD_FAST", "LOAD_CLOSURE", "LOAD_DEREF")) or y not in names:
            continue
        index = code[i + 1].argval if names[-1] == y and i + 2 < len(code) else None
        if type(index) is not int or not code[i + 2].opname.startswith("BINARY"):
            return set(range(outputs if outputs > 0 else 1000))
        found.add(index)
    return found


def same(g: Any, *_: Any) -> Any:
    """The vjp where ∂y/∂x = 1; the engine knows it and saves the call."""
    return g


def _pull(partial: Any, nargs: int) -> Rule | None:
    """The vjp of one argument from its partial derivative: g·∂y/∂x, written out per arity for speed."""
    if partial is None:
        return None
    if not callable(partial):
        if partial == 1:
            return same
        if partial == -1:
            return lambda g, *_: -g
        return lambda g, *_: g * partial
    if nargs == 1:
        return lambda g, y, a: g * partial(y, a)
    if nargs == 2:
        return lambda g, y, a, b: g * partial(y, a, b)
    return lambda g, y, *args: g * partial(y, *args)


def _conjugate(partial: Any) -> Any:
    """The partial derivative, complex values conjugated: PyTorch's gradient of a holomorphic operation."""
    if not callable(partial):
        return partial

    def conjugated(y: Any, *args: Any) -> Any:
        p = partial(y, *args)
        if type(p) is complex:  # a number of a program
            return p.conjugate()
        return p.conj() if getattr(p, "dtype", None) in COMPLEX_DTYPES else p

    return conjugated


COMPLEX_DTYPES = frozenset({complex64, complex128, complex64.np, complex128.np})  # of carriers and of arrays
REGISTRY: dict[str, Op] = {}


def camel(name: str) -> str:
    return re.sub(r"(?:^|_)([a-z0-9])", lambda m: m.group(1).upper(), name)


def _register(op: Op) -> Op:
    if op.name in REGISTRY:
        raise ValueError(f"operation {op.name!r} is declared twice")
    REGISTRY[op.name] = op
    return op


def elementwise(
    name: str,
    forward: Rule,
    d: Any = None,
    *,
    tex: str,
    lower: str,
    prec: int = ATOM,
    form: Rule | None = None,
    nargs: int | None = None,
    attrs: Mapping[str, Any] | None = None,
    shape: Rule | None = None,
    domain: Any = (-3.0, 3.0),
    floats: bool = False,
    weak: bool = False,
    dtype: Any = "same",
    promote: tuple[int, ...] | None = None,
    singular: str = "",
    bad: Sequence[Bad] = (),
    refuses: str = "",
    nondiff: str = "",
    grad_name: str | Rule = "",
) -> Op:
    """Declare an operation on single numbers; shapes broadcast, ∂y/∂x is all the calculus it needs.

    `attrs` names the parameters behind the tensors, each with a value to try it at.
    """
    if d is not None and not isinstance(d, tuple):
        d = (d,)
    count = nargs if nargs is not None else (len(d) if d is not None else 1)
    return _register(
        Op(
            name, forward, nargs=count, attrs=tuple(attrs or ()), d=d, vjp=None,
            shape=shape or broadcast_shape, dtype=dtype, floats=floats, weak=weak, view=False, outputs=1,
            promote=promote if promote is not None else tuple(range(count)), tex=tex, prec=prec,
            form=form, lower=lower,
            domain=domain, samples=_sampler(domain, count, attrs) if attrs else None, singular=singular,
            bad=tuple(bad), refuses=refuses, nondiff=nondiff,
            grad_name=grad_name or camel(name) + "Backward0",
        )
    )  # fmt: skip


def _sampler(domain: Any, count: int, attrs: Mapping[str, Any]) -> Rule:
    """Arguments inside the domain, with the attributes at their values."""
    ranges = domain if isinstance(domain[0], tuple) else (domain,) * count
    return lambda rng: [(*[rng.uniform(*r, size=(2, 3)) for r in ranges], *attrs.values())]


def broadcast_shape(*specs: Any) -> Shape:
    """The type rule of every elementwise operation."""
    return broadcast_shapes(*(s.shape for s in specs if isinstance(s, Spec)))


def structured(
    name: str,
    forward: Rule,
    *,
    shape: Rule,
    tex: str,
    samples: Rule,
    nargs: int = 1,
    vjp: Any = None,
    dtype: Any = "same",
    prec: int = ATOM,
    form: Rule | None = None,
    lower: str = "by a registered lowering, with the compiler",
    view: bool = False,
    outputs: int = 1,
    singular: str = "",
    bad: Sequence[Bad] = (),
    nondiff: str = "",
    grad_name: str | Rule = "",
) -> Op:
    """Declare an operation on whole arrays: it carries its own vjp and shape rule."""
    parameters = tuple(signature_names(forward))
    return _register(
        Op(
            name, forward, nargs=nargs, attrs=parameters[1 if nargs < 0 else nargs :], d=None, vjp=vjp,
            shape=shape, dtype=dtype, floats=False, weak=False, promote=(), view=view, outputs=outputs,
            tex=tex, prec=prec, form=form, lower=lower, domain=None, samples=samples, singular=singular,
            bad=tuple(bad), refuses="", nondiff=nondiff, grad_name=grad_name or camel(name) + "Backward0",
        )
    )  # fmt: skip


def signature_names(forward: Rule) -> list[str]:
    code = getattr(forward, "__code__", None)
    if code is not None:
        return list(code.co_varnames[: code.co_argcount])
    return list(signature(forward).parameters)
