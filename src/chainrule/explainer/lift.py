"""The forward pass that a tape has recorded, as a program.

The tape keeps what the backward rules read. With the leaves and the constants among the operands, which it
keeps as well, everything else can be computed again, to the last bit.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np

from ..autograd.tape import FREED, AccumulateGrad, Node, Output, last_change
from ..errors import message, source_line
from ..ops.record import Op
from ..program.build import Builder, Symbol
from ..program.ir import Equation, Program, Var
from ..tensor import Tensor
from ..types import FROM_NUMPY
from .record import Made, kept, value_before


class Forward(NamedTuple):
    """A forward pass.

    program  inputs are the leaves, in the order of their first use; one output
    tensors  the tensor behind each input and constant
    sources  the array that each constant is a copy of
    nodes    the node behind each equation
    values   the arrays of the inputs, as the pass has read them where that can be known
    times    when each equation was computed
    changed  inputs that were changed afterwards and whose old values nobody has kept: the line, if known
    named    what record() has found variables to be called
    parameters  … and which modules' parameters they are: the module's path, the own name, the class
    """

    program: Program
    tensors: dict[Var, Tensor]
    nodes: dict[Equation, Node]
    values: dict[Var, Any]
    times: dict[Equation, int]
    changed: dict[Var, Any]
    named: dict[Var, str]
    parameters: dict[Var, tuple[str, str, str]]
    sources: dict[Var, Any]


def lift(output: Tensor) -> Forward:
    """The forward pass that ends in `output`.

    Raises RuntimeError if there is none, or if a backward pass has freed what it consists of.

    >>> import chainrule as cr
    >>> w = cr.tensor(2.0, requires_grad=True)
    >>> [e.op for e in lift((3 * w).exp()).program.equations]
    [<op mul>, <op exp>]
    """
    if output._node is None:
        raise RuntimeError(
            message(
                "there is nothing to explain: the tensor does not come from recorded operations",
                came=f"a tensor of shape {tuple(output.shape)} with requires_grad=False",
                expected="a result of tensors with requires_grad=True",
                fix="pass the loss, and make parameters with requires_grad=True",
            )
        )
    lifter = _Lifter()
    for node in _in_order(output._node):
        lifter.take(node)
    result = lifter.of[output._node]
    for v in lifter.builder.inputs:
        if v not in lifter.values:
            lifter.values[v] = lifter.tensors[v]._array()
    return Forward(
        lifter.builder.program([result]), lifter.tensors, lifter.nodes, lifter.values, lifter.times,
        lifter.changed, lifter.named, lifter.parameters, lifter.sources,
    )  # fmt: skip


def _in_order(root: Node) -> list[Node]:
    """All nodes that lead to the root, oldest first."""
    seen, todo = {root}, [root]
    while todo:
        for e in todo.pop().edges:
            if e is not None and e not in seen:
                seen.add(e)
                todo.append(e)
    return sorted(seen, key=lambda n: (not isinstance(n, AccumulateGrad), n.seq))


class _Lifter:
    def __init__(self) -> None:
        self.builder = Builder()
        self.of: dict[Node, Symbol] = {}
        self.several: dict[Node, list[Symbol]] = {}
        self.tensors: dict[Var, Tensor] = {}
        self.nodes: dict[Equation, Node] = {}
        self.constants: dict[int, Symbol] = {}
        self.values: dict[Var, Any] = {}
        self.times: dict[Equation, int] = {}
        self.changed: dict[Var, Any] = {}
        self.named: dict[Var, str] = {}
        self.parameters: dict[Var, tuple[str, str, str]] = {}
        self.sources: dict[Var, Any] = {}

    def take(self, node: Node) -> None:
        """Write the equation of one node."""
        if isinstance(node, AccumulateGrad):
            self._leaf(node)
        elif isinstance(node, Output):
            parent: Any = node.edges[0]
            self.of[node] = self.several[parent][node.index]
        elif isinstance(node.op, Op):
            self._operation(node)
        else:
            raise NotImplementedError(
                message(
                    f"{node.name()} is not explained: only its author knows its formula",
                    came=f"a custom autograd Function, used at {source_line(node.where)}",
                    expected="operations of the library",
                    fix="write the forward pass with tensor operations",
                )
            )

    def _leaf(self, node: AccumulateGrad) -> None:
        tensor = node.variable
        if tensor is None and node not in kept.values:
            raise RuntimeError(
                "a leaf of the tape is gone: keep the parameters alive until they are explained"
            )
        symbol = self.builder.input(node.shape, FROM_NUMPY[node.dtype])
        self.of[node] = symbol
        if tensor is not None:
            self.tensors[symbol.var] = tensor
        self._name(node, symbol.var)

    def _operation(self, node: Node) -> None:
        op = node.op
        if node.args is FREED:
            raise RuntimeError(
                message(
                    "the pass cannot be explained any more: backward() has freed it",
                    came=f"{node.name()} of {source_line(node.where)}",
                    expected="a loss before backward(), or the latest small pass",
                    fix="call explain(loss) before loss.backward(), or loss.backward(retain_graph=True)",
                )
            )
        listed = node.args[0] if op.nargs < 0 else node.args[: op.nargs]
        read = node.saved[0] if op.nargs < 0 else node.saved
        operands = [self._operand(node, x, e) for x, e in zip(listed, node.edges)]
        for a, e in zip(read, node.edges):
            if isinstance(e, AccumulateGrad):
                self._reads(e, a, node.seq)
        operands += [self._operand(node, x, None) for x in listed[len(operands) :]]
        args = (tuple(operands), *node.args[1:]) if op.nargs < 0 else (*operands, *node.args[op.nargs :])
        self.builder.where = node.where
        before = len(self.builder.equations)
        results = self.builder.add(op, args)
        self.times.update(dict.fromkeys(self.builder.equations[before:], node.seq))
        self.nodes[self.builder.equations[-1]] = node
        if op.outputs == 1:
            self.of[node] = results
            self._name(node, results.var)
        else:
            self.several[node] = results

    def _operand(self, node: Node, x: Any, edge: Node | None) -> Any:
        if edge is not None:
            return self.of[edge]
        if isinstance(x, Tensor):
            return self._constant(x._array(), x)
        if isinstance(x, np.ndarray):
            return self._constant(x)
        return x

    def _name(self, thing: Any, var: Var) -> None:
        name, parameter = kept.names.get(thing), kept.parameters.get(thing)
        if name is not None:
            self.named[var] = name
        if parameter is not None:
            self.parameters[var] = parameter

    def _reads(self, leaf: AccumulateGrad, array: Any, time: int) -> None:
        """Note the values that an operation has read from a leaf: those of the first one hold."""
        var = self.of[leaf].var
        if var in self.values:
            return
        recorded, tensor = value_before(leaf, time), leaf.variable
        if recorded is not None:
            self.values[var] = recorded
            return
        changed, line = last_change(tensor if tensor._base is None else tensor._base)
        self.values[var] = array if isinstance(array, np.ndarray) else tensor._array()
        if changed > time:
            self.changed[var] = line

    def _constant(self, array: Any, tensor: Tensor | None = None) -> Symbol:
        """An array that no tape knows: by its formula, if that was recorded."""
        todo = [array]
        while todo:  # what it was computed from first
            a = todo[-1]
            made = kept.formulas.get(a)
            missing = [x for x in _arrays(made) if id(x) not in self.constants] if made is not None else []
            if id(a) in self.constants or not missing:
                self._take_array(todo.pop())
            else:
                todo += missing
        found = self.constants[id(array)]
        if tensor is not None:
            self.tensors.setdefault(found.var, tensor)
        return found

    def _take_array(self, array: Any) -> None:
        """The symbol of an array whose operands have theirs."""
        if id(array) not in self.constants:
            made = kept.formulas.get(array)
            found = self._computed(array, made) if made is not None else None
            if found is None:
                found = self.builder.constant(array)
                self.sources[found.var] = array
            self.constants[id(array)] = found
            self._name(array, found.var)

    def _computed(self, array: Any, made: Made) -> Symbol | None:
        """The equation that made an array; None if it does not give these values any more."""
        with np.errstate(all="ignore"):
            again = np.asarray(made.op.forward(*made.args))
        if again.shape != array.shape or not np.array_equal(again, array, equal_nan=again.dtype.kind in "fc"):
            return None

        def operand(x: Any) -> Any:
            if not isinstance(x, np.ndarray):
                return x
            return x.item() if _is_number(x) else self.constants[id(x)]

        n = made.op.nargs
        listed = map(operand, made.args[0] if n < 0 else made.args[:n])
        args = (tuple(listed), *made.args[1:]) if n < 0 else (*listed, *made.args[n:])
        if not any(isinstance(x, Symbol) for x in (args[0] if n < 0 else args[:n])):
            return None
        self.builder.where = made.where
        before = len(self.builder.equations)
        result: Symbol = self.builder.add(made.op, args)
        self.times.update(dict.fromkeys(self.builder.equations[before:], made.time))
        return result


def _is_number(x: Any) -> bool:
    """Whether an array is a number of the user's: dispatch.constant's."""
    return not x.ndim and not x.flags.writeable


def _arrays(made: Made) -> list[Any]:
    """The arrays that an array was computed from."""
    listed = made.args[0] if made.op.nargs < 0 else made.args[: made.op.nargs]
    return [x for x in listed if isinstance(x, np.ndarray) and not _is_number(x)]
