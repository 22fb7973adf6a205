"""The forward pass that a tape has recorded, as a program.

The tape keeps what the backward rules read. With the leaves and the constants among the operands, which it
keeps as well, everything else can be computed again, to the last bit.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np

from ..autograd.tape import FREED, AccumulateGrad, Node, Output
from ..errors import message, source_line
from ..ops.record import Op
from ..program.build import Builder, Symbol
from ..program.ir import Equation, Program, Var
from ..tensor import Tensor
from ..types import FROM_NUMPY


class Forward(NamedTuple):
    """A forward pass.

    program  inputs are the leaves, in the order of their first use; one output
    tensors  the tensor behind each input and constant
    nodes    the node behind each equation
    """

    program: Program
    tensors: dict[Var, Tensor]
    nodes: dict[Equation, Node]


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
    return Forward(lifter.builder.program([result]), lifter.tensors, lifter.nodes)


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
        if tensor is None:
            raise RuntimeError(
                "a leaf of the tape is gone: keep the parameters alive until they are explained"
            )
        symbol = self.builder.input(tensor.shape, FROM_NUMPY[tensor._a.dtype])
        self.of[node], self.tensors[symbol.var] = symbol, tensor

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
        operands = [self._operand(node, x, e) for x, e in zip(listed, node.edges)]
        operands += [self._operand(node, x, None) for x in listed[len(operands) :]]
        args = (tuple(operands), *node.args[1:]) if op.nargs < 0 else (*operands, *node.args[op.nargs :])
        self.builder.where = node.where
        results = self.builder.add(op, args)
        self.nodes[self.builder.equations[-1]] = node
        if op.outputs == 1:
            self.of[node] = results
        else:
            self.several[node] = results

    def _operand(self, node: Node, x: Any, edge: Node | None) -> Any:
        if edge is not None:
            return self.of[edge]
        if isinstance(x, Tensor):
            found = self.constants.get(id(x))
            if found is None:
                found = self.constants[id(x)] = self.builder.constant(x._array())
                self.tensors[found.var] = x
            return found
        if isinstance(x, np.ndarray):
            return self.builder.constant(x)
        return x
