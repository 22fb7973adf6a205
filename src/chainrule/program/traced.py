"""Arrays that watch themselves: ordinary NumPy arrays, with real values, whose operations write a program.

NOTE [Watching] A step is traced by running it. Every tensor it touches gets a `Traced` array on the same
memory; an operation on it computes as always, by the record's forward, and adds an equation. So shapes,
views, memory orders and errors are those of the eager run, because it is one. What leaves the records — a
NumPy function that no record describes, a value turned into a Python number — raises TraceError instead of
getting lost.

NOTE [Cells] In-place changes become new variables. The array that owns its memory has a cell with the
variable of its present value; a view knows the array and the operation it came from, and is read anew once
the cell has changed. A write through a view replaces the owner's value by a `view_scatter`. The results of
an operation with several are noted as its own until then, and read anew one by one (PIECES).
"""

from __future__ import annotations

from typing import Any

import numpy as np

from ..dispatch import where
from ..errors import message, source_line
from ..functional.ufunc import record_of
from ..ops import index, join, movement, view
from ..ops.record import Carrier, Op
from ..types import FROM_NUMPY, dtype_of, result_type
from .ir import Equation, Var

ndarray = np.ndarray


class TraceError(RuntimeError):
    """A step does what cannot be written as a program; says where, and the way out."""


def refuse(what: str, fix: str) -> TraceError:
    """The error for something done to a traced value, with the user's line."""
    return TraceError(
        message(
            f"a compiled step cannot {what}",
            came=f"at {source_line(where(1))}",
            expected="operations on tensors, whose values are known only when the step runs",
            fix=fix,
        )
    )


OUTSIDE = (
    "return the tensor from the step and look at it there, or take this part out of the compiled function"
)


SHAPE = (
    "keep the shape (torch.where, a product with the mask), or take this part out of the compiled function"
)


INSIDE = "make the tensor before the step and pass it as an argument (or use it from an outer scope)"


class Cell:
    """The present value of an array that owns its memory, and how often it was changed."""

    __slots__ = ("changes", "var")

    def __init__(self, var: Var) -> None:
        self.var, self.changes = var, 0


class Traced(ndarray, Carrier):
    """An array with its place in the program that is being traced: see NOTE [Watching]."""

    tracer: Any = None
    cell: Cell | None = None  # of an owner
    source: Traced | None = None  # of a view: what it was made from,
    made_by: tuple[Op, tuple[Any, ...]] | None = None  # … by which operation
    seen: tuple[int, Var] | None = None  # … and its variable, at the owner's count of changes

    # ----- reading and writing

    @property
    def owner(self) -> Traced:
        found = self
        while found.source is not None:
            found = found.source
        return found

    def read(self) -> Var:
        """The variable of the present value: NOTE [Cells]."""
        if self.tracer is None or not self.tracer.open:
            raise refuse(
                "keep a tensor for later use outside of it: its memory is the step's own",
                "return the tensor from the compiled function",
            )
        if self.source is None:
            assert_cell = self.cell
            if assert_cell is None:
                raise refuse("use NumPy on its tensors", OUTSIDE)
            return assert_cell.var
        changes = self.owner.cell.changes  # type: ignore[union-attr]
        if self.seen is None or self.seen[0] != changes:
            op, attrs = self.made_by  # type: ignore[misc]
            var = self.tracer.equation(op, (self.source.read(), *attrs), [self])
            self.seen = (changes, var[0])
        return self.seen[1]

    def write(self, var: Var) -> None:
        """Make `var` the present value; the memory has been written already."""
        owner = self.owner
        cell: Any = owner.cell
        if owner is not self:
            chain = []
            step: Any = self
            while step.source is not None:
                chain.append(step.made_by)
                step = step.source
            args = (owner.read(), var, tuple(reversed(chain)))
            cell.var = self.tracer.equation(movement.view_scatter, args, [owner])[0]
        else:
            cell.var = var
        cell.changes += 1
        self.seen = (cell.changes, var)

    # ----- operations

    def _apply(self, op: Op, args: tuple[Any, ...]) -> Any:
        return self.tracer.apply(op, args)

    def __array_ufunc__(self, ufunc: Any, method: str, *inputs: Any, **kwargs: Any) -> Any:
        op = record_of(ufunc)
        out = kwargs.pop("out", None)
        if method != "__call__" or op is None or kwargs:
            raise refuse(f"use np.{ufunc.__name__} on its tensors", OUTSIDE)
        tracer = next(x.tracer for x in (*inputs, *(out or ())) if isinstance(x, Traced))
        result = tracer.apply(op, inputs)
        if out is None:
            return result
        if not isinstance(out[0], Traced):
            raise refuse("write into a NumPy array", OUTSIDE)
        out[0][...] = result
        return out[0]

    def __array_function__(self, function: Any, types: Any, args: Any, kwargs: Any) -> Any:
        if function not in _ABOUT_SHAPES:
            raise refuse(f"use np.{function.__name__} on its tensors", OUTSIDE)
        return function(*map(raw, args), **{k: raw(v) for k, v in kwargs.items()})

    def __setitem__(self, key: Any, value: Any) -> None:
        if key is not Ellipsis:
            raise refuse("write into parts of a NumPy array", "index the tensor, not the array")
        value = self.tracer.fitting(value, self)
        raw(self)[...] = raw(value)
        self.write(value.read())

    def copy(self, order: Any = "C") -> Any:
        return self.tracer.wrap(raw(self).copy(order), self.read())

    @property
    def mT(self) -> Any:
        return view.transpose(self, self.ndim - 2, self.ndim - 1)

    def conj(self) -> Any:
        if self.dtype.kind != "c":
            return self
        from ..ops.scan import conj

        return conj(self)

    def astype(self, dtype: Any, *args: Any, **kwargs: Any) -> Any:
        return movement.to(self, dtype_of(np.empty(0, dtype)))

    __hash__ = None  # type: ignore[assignment]


def _refusing(name: str, what: str) -> Any:
    def method(self: Any, *args: Any, **kwargs: Any) -> Any:
        raise refuse(what, OUTSIDE)

    method.__name__ = name
    return method


NUMBER = "turn a tensor into a Python number or print it"
_BRANCH = (
    "decide by the value of a tensor (if, while, and, or): use torch.where to choose between two results"
)
for _name in (
    "item",
    "__getitem__",
    "tolist",
    "__float__",
    "__int__",
    "__complex__",
    "__index__",
    "__repr__",
    "__str__",
    "tobytes",
):
    setattr(Traced, _name, _refusing(_name, NUMBER))
setattr(Traced, "__bool__", _refusing("__bool__", _BRANCH))  # noqa: B010
_NUMPYS = (
    "sum mean prod max min argmax argmin all any cumsum cumprod std var round clip dot take put "
    "repeat sort argsort searchsorted nonzero choose compress diagonal trace fill itemset partition "
    "argpartition ptp reshape ravel flatten transpose swapaxes squeeze resize __iter__ __reduce__ "
    "__deepcopy__ dump dumps tofile"
)
for _name in _NUMPYS.split():
    setattr(Traced, _name, _refusing(_name, f"use NumPy ({_name}) on its tensors"))

_ABOUT_SHAPES = {
    np.may_share_memory, np.shares_memory, np.shape, np.ndim, np.size, np.zeros_like, np.ones_like,
    np.empty_like, np.full_like, np.result_type, np.can_cast, np.iscomplexobj, np.isrealobj,
}  # fmt: skip


def raw(x: Any) -> Any:
    """The plain array on the memory of a traced one; anything else as it is."""
    return x.view(ndarray) if isinstance(x, Traced) else x


# Of operations with several views as results: those that make one of them each, with their key.
PIECES: dict[Op, Any] = {
    movement.unbind: lambda a, dim: [(index.pick, k) for k in join.unbind_keys(a.shape[dim], dim)],
    join.split: lambda a, sizes, dim: [(index.part, k) for k in join.split_keys(sizes, dim)],
}


class Recorder:
    """What all traces share: the equations, and how an operation on arrays becomes one."""

    def __init__(self) -> None:
        self.open = True
        self.inputs: list[Var] = []
        self.constants: dict[Var, Any] = {}
        self.equations: list[Equation] = []

    def wrap(self, array: Any, var: Var) -> Traced:
        """A traced array on fresh memory whose value is `var`."""
        t: Any = np.asarray(array).view(Traced)
        t.tracer, t.cell = self, Cell(var)
        return t

    def constant(self, array: Any) -> Var:
        """A variable with the array's present values."""
        value = np.array(raw(array))
        value.flags.writeable = False
        var = Var(value.shape, FROM_NUMPY[value.dtype])
        self.constants[var] = value
        return var

    def equation(self, op: Op, args: tuple[Any, ...], results: list[Any]) -> list[Var]:
        """Note op(*args), whose results have these shapes and dtypes."""
        outputs = [Var(r.shape, FROM_NUMPY[r.dtype]) for r in results]
        self.equations.append(Equation(op, args, outputs, where(3)))
        return outputs

    def apply(self, op: Op, args: tuple[Any, ...]) -> Any:
        """Compute op(*args) on the plain arrays and note it; its result or results, traced."""
        n = op.nargs
        operands = list(args[0]) if n < 0 else list(args[:n])
        rest = args[1:] if n < 0 else args[n:]
        if op.promote:
            operands = self._in_one_dtype(op, operands)
        plain = [raw(x) for x in operands]
        noted = [self._operand(x, bool(op.promote)) for x in operands]
        out = op.forward(*([plain, *rest] if n < 0 else [*plain, *rest]))
        results = [np.asarray(o) for o in out] if op.outputs != 1 else [np.asarray(out)]
        if op.outputs == 1:
            for x, p in zip(operands, plain):
                if out is p and isinstance(x, Traced):
                    return x
        all_args = (tuple(noted), *rest) if n < 0 else (*noted, *rest)
        if op.view and op.outputs == 1 and np.may_share_memory(results[0], plain[0]):
            return self._view(op, operands[0], rest, results[0])
        outputs = self.equation(op, all_args, results)
        if op in PIECES and isinstance(operands[0], Traced):
            return self._pieces(op, operands[0], rest, results, outputs)
        if op.view:
            results = [r.copy() for r in results]
        traced = [self.wrap(r, v) for r, v in zip(results, outputs)]
        return traced[0] if op.outputs == 1 else traced

    def _in_one_dtype(self, op: Op, operands: list[Any]) -> list[Any]:
        """Elementwise operands as the rules of derivatives pass them: a truth value times a cotangent."""
        kinds = {x.dtype for i in op.promote if isinstance(x := operands[i], Traced)}
        if len(kinds) < 2:
            return operands
        target = result_type([(FROM_NUMPY[x.dtype], x.ndim) for x in operands if isinstance(x, Traced)])
        return [
            movement.to(x, target)
            if i in op.promote and isinstance(x, Traced) and x.dtype != target.np
            else x
            for i, x in enumerate(operands)
        ]

    def _view(self, op: Op, source: Any, attrs: tuple[Any, ...], out: Any) -> Traced:
        t: Any = out.view(Traced)
        t.tracer, t.source, t.made_by = self, source, (op, attrs)
        return t

    def _pieces(
        self, op: Op, source: Traced, attrs: tuple[Any, ...], results: list[Any], outputs: list[Var]
    ) -> list[Traced]:
        """Several views of one array: see NOTE [Cells]."""
        changes = source.owner.cell.changes  # type: ignore[union-attr]
        views = []
        for (one, key), result, var in zip(PIECES[op](source, *attrs), results, outputs):
            views.append(view := self._view(one, source, (key,), result))
            view.seen = (changes, var)
        return views

    def _operand(self, x: Any, elementwise: bool) -> Any:
        """A variable for an array, a number for a constant of one element."""
        if isinstance(x, Traced):
            return x.read()
        if isinstance(x, (ndarray, np.generic)):
            number = elementwise and x.ndim == 0 and x.dtype.kind in "bifu"
            return x.item() if number else self.constant(x)
        return x

    def fitting(self, value: Any, target: Traced) -> Traced:
        """`value` in the target's shape and dtype, traced."""
        if not isinstance(value, Traced):
            array = np.broadcast_to(np.asarray(value, target.dtype), target.shape)
            return self.wrap(array, self.constant(array))
        if value.dtype != target.dtype:
            value = movement.to(value, FROM_NUMPY[target.dtype])
        if value.shape != target.shape:
            value = movement.expand(value, target.shape)
        return value
