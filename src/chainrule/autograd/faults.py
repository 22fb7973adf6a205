"""What can go wrong in a backward pass, worded; and the two checks that find it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from ..errors import message, source_line
from ..tensor import Tensor
from .tape import FREED, Node, clock, last_change, mode


def not_scalar(t: Tensor) -> str:
    where = source_line(t._node.where) if t._node is not None else ""
    return message(
        "grad can be implicitly created only for scalar outputs",
        came=f"backward() on a tensor of shape {tuple(t._a.shape)}, made at {where}",
        expected="one number, or a `gradient` of the same shape: the v in the product vᵀJ",
        fix="reduce it first, as in loss.sum().backward(), or pass backward(gradient=v)",
    )


def no_gradient(t: Tensor) -> str:
    """Why `.grad` is None where one might expect a gradient."""
    if t.is_leaf:
        return message(
            "The gradient of this parameter was used up inside a compiled step and is not kept.",
            came="a read of .grad behind a step of torch.compile that clears, computes and applies gradients",
            expected="gradients only where backward() was called outside of a compiled step",
            fix="return what you want to look at from the step, as in return loss, p.grad.norm()",
        )
    node = t.grad_fn
    spot = source_line(node.where if node is not None else None)
    return message(
        "The .grad attribute of a Tensor that is not a leaf Tensor is being accessed. Its .grad attribute "
        "won't be populated during autograd.backward().",
        came=f"the result of {node.name() if node is not None else 'an operation'}, made at {spot}",
        expected="a leaf: a tensor made by the user with requires_grad=True",
        fix="call .retain_grad() on it before backward(), or read .grad of the leaf it was computed from",
    )


def nothing(t: Tensor) -> str:
    return message(
        "element 0 of tensors does not require grad and does not have a grad_fn",
        came=f"a tensor of shape {tuple(t._a.shape)}, computed only from tensors with requires_grad=False, "
        "or under no_grad(), or detached",
        expected="a result of at least one tensor with requires_grad=True",
        fix="make the parameters with requires_grad=True and compute the result outside no_grad()",
    )


def second_time(node: Node) -> str:
    return message(
        "Trying to backward through the graph a second time (or directly access saved tensors after they "
        "have already been freed).",
        came=f"{node.name()}, recorded at {source_line(node.where)}; "
        "an earlier backward() has freed what it saved",
        expected="one backward() through each recorded operation",
        fix="run the forward pass again, or detach() a value carried over from the step before (a hidden "
        "state), or call the first backward with retain_graph=True",
    )


def _read(node: Node) -> list[Any]:
    """The arguments whose values the wanted gradients are computed from."""
    op = node.op
    if op.nargs < 0:
        return list(node.args[0])
    if op.joint:
        return [node.args[i] for i in op.reads]
    wanted = [reads for e, reads in zip(node.edges, op.reads_each) if e is not None]
    return [node.args[i] for i in sorted(frozenset[int]().union(*wanted))]


def check_ready(node: Node) -> None:
    """A node must still have what it saved, unchanged since the forward pass (see NOTE [Clock])."""
    if node.saved is FREED:
        raise RuntimeError(second_time(node))
    if clock.touched < node.seq or not (node.op.reads or node.op.reads_y):
        return
    changed: Any = False if node.extra is None else node.extra.dirty
    if changed is False:
        for x in _read(node):
            if isinstance(x, Tensor):
                root = x._base if x._base is not None else x
                stamp, spot = last_change(root)
                if stamp > node.seq:
                    changed = spot
                    break
        else:
            return
    raise RuntimeError(
        message(
            "one of the variables needed for gradient computation has been modified by an inplace operation",
            came=f"a value that {node.name()} saved at {source_line(node.where)}, "
            f"changed at {source_line(changed)}",
            expected="the value of the forward pass: the derivative is computed from it",
            fix="write the change out of place (x = x + 1 instead of x += 1), or change a clone()",
        )
    )


def check_nan(node: Node, results: Sequence[Any]) -> None:
    for i, r in enumerate(results):
        a = getattr(r, "_a", r)
        if mode.check_nan and a is not None and np.isnan(a).any():
            raise RuntimeError(
                message(
                    f"Function '{node.name()}' returned nan values in its {i}th output.",
                    came=f"a gradient of shape {tuple(a.shape)} with {np.isnan(a).sum()} NaN of {a.size}",
                    expected="finite gradients",
                    fix=f"look at the forward line: {source_line(node.where)}",
                )
            )
