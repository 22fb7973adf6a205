"""Reverse mode: walk the tape from the results to the leaves, newest node first.

Nodes are taken in the order of their clock, newest first, so every consumer of a value has run before the
value's own node: no graph search, no recursion, one deterministic order.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from heapq import heapify, heappop, heappush
from sys import getrefcount
from typing import Any
from weakref import ref

import numpy as np

from ..errors import message
from ..ops.movement import sum_to
from ..ops.record import same
from ..tensor import Tensor, new_tensor
from ..types import FLOAT, FROM_NUMPY
from . import recent
from .cotangents import as_tuple, cotangents_of
from .faults import check_nan, check_ready, nothing
from .hooks import after_accumulation, after_node, as_tensor, before_node, hooked
from .mode import set_grad
from .native import native
from .recent import elements, free
from .tape import FREED, AccumulateGrad, Node, Output, clock, mode


def backward(
    tensors: Any, grad_tensors: Any = None, retain_graph: bool | None = None, create_graph: bool = False,
    grad_variables: Any = None, inputs: Any = None,
) -> None:  # fmt: skip
    """Add the gradients of the sum of `tensors` (weighted by `grad_tensors`) to the leaves' `.grad`.

    >>> import chainrule as cr
    >>> w = cr.tensor(3.0, requires_grad=True)
    >>> cr.autograd.backward(w * w)
    >>> w.grad
    tensor(6.)
    """
    roots = as_tuple(tensors)
    cotangents = cotangents_of(roots, grad_variables if grad_tensors is None else grad_tensors)
    keep = create_graph if retain_graph is None else retain_graph
    if inputs is None:
        run(roots, cotangents, keep, create_graph, None, None)
        return
    leaves = as_tuple(inputs)
    if not leaves:
        raise RuntimeError("`inputs` argument to `backward()` cannot be empty.")
    found = grad_of(roots, cotangents, leaves, keep, create_graph)
    for leaf, g in zip(leaves, found):
        if g is not None:
            leaf._grad = g.clone() if leaf._grad is None else leaf._grad + g
            if isinstance(leaf._node, AccumulateGrad):
                after_accumulation(leaf._node, leaf)


def grad(
    outputs: Any, inputs: Any, grad_outputs: Any = None, retain_graph: bool | None = None,
    create_graph: bool = False, only_inputs: bool = True, allow_unused: bool | None = None,
    is_grads_batched: bool = False, materialize_grads: bool = False,
) -> tuple[Tensor, ...]:  # fmt: skip
    """The gradients of the sum of `outputs` with respect to each of `inputs`; no `.grad` is touched.

    >>> import chainrule as cr
    >>> x = cr.tensor(1.0, requires_grad=True)
    >>> cr.autograd.grad(x ** 3, x)
    (tensor(3.),)
    """
    if materialize_grads and allow_unused is False:
        raise ValueError(
            "Expected allow_unused to be True or not passed when materialize_grads=True, but got False"
        )
    roots, targets = as_tuple(outputs), as_tuple(inputs)
    keep = create_graph if retain_graph is None else retain_graph
    if is_grads_batched:
        return _batched(
            roots, targets, as_tuple(grad_outputs), keep, create_graph, bool(allow_unused), materialize_grads
        )
    cotangents = cotangents_of(roots, grad_outputs)
    found: list[Any] = grad_of(roots, cotangents, targets, keep, create_graph)
    for i, g in enumerate(found):
        if g is None and materialize_grads:
            found[i] = Tensor._wrap(np.zeros_like(targets[i]._a))
        elif g is None and not allow_unused:
            raise RuntimeError(
                f"The differentiated Tensor at index {i} appears to not have been used in the graph. "
                "Set allow_unused=True if this is the desired behavior."
            )
    return tuple(found)


def _batched(roots: Any, targets: Any, vs: Any, keep: bool, create: bool, unused: bool, zeros: bool) -> Any:
    """One backward pass for each leading index of the cotangents, stacked."""
    from ..ops.movement import stack

    n = len(vs[0])
    rows = [
        grad(roots, targets, tuple(v[i] for v in vs), keep or i < n - 1, create, allow_unused=unused or zeros,
             materialize_grads=zeros)
        for i in range(n)
    ]  # fmt: skip
    return tuple(None if column[0] is None else stack(list(column), 0) for column in zip(*rows))


def grad_of(
    roots: Sequence[Tensor], cotangents: Sequence[Any], targets: Sequence[Tensor], keep: bool, create: bool
) -> list[Tensor | None]:
    """The cotangents that arrive at `targets`; None where none does."""
    nodes = []
    for t in targets:
        if t._node is None:
            raise RuntimeError(
                message(
                    "One of the differentiated Tensors does not require grad",
                    came=f"a tensor of shape {tuple(t._a.shape)} with requires_grad=False",
                    fix="make it with requires_grad=True, or call .requires_grad_() before it is used",
                )
            )
        nodes.append(t._node)
    captured: dict[Node, Any] = dict.fromkeys(nodes)
    wanted = _leading_to(roots, captured)
    pending = [(n, n.g) for n in wanted if n.g is not None]  # of a backward pass around this one
    for n, _ in pending:
        n.g = None
    try:
        run(roots, cotangents, keep, create, captured, wanted)
    finally:
        for n, g in pending:
            n.g = g
    return [None if captured[n] is None else as_tensor(captured[n]) for n in nodes]


def _leading_to(roots: Sequence[Tensor], targets: Iterable[Node]) -> set[Node]:
    """The nodes between the roots and the targets, inclusive: only those need to run."""
    wanted: set[Node] = set(targets)
    seen: set[Node] = set()
    order: list[Node] = []
    todo = [t._node for t in roots if t._node is not None]
    while todo:
        node = todo.pop()
        if node not in seen:
            seen.add(node)
            order.append(node)
            todo.extend(e for e in node.edges if e is not None)
    for node in sorted(order, key=lambda n: n.seq):
        if any(e in wanted for e in node.edges):
            wanted.add(node)
    return wanted


# ----- the walk


def run(
    roots: Sequence[Tensor], cotangents: Sequence[Any], keep: bool, create: bool,
    captured: dict[Node, Any] | None, wanted: set[Node] | None,
) -> None:  # fmt: skip
    """Send the cotangents down the tape; with `captured`, collect them at those nodes, not in `.grad`."""
    recent.forget()
    heap: list[tuple[int, Node]] = []
    for t, g in zip(roots, cotangents):
        if t._node is None:
            raise RuntimeError(nothing(t))
        send(t._node, g if create else g._a, heap)
    try:
        if create:
            with set_grad(True):
                _walk(heap, keep, True, captured, wanted)
        else:
            _walk(heap, keep, False, captured, wanted)
    finally:
        for _, node in heap:
            node.g = None


def run_one(node: Node, g: Any, keep: bool) -> None:
    """The everyday case: one root, first order, all leaves."""
    recent.forget()
    if native.walk is None:
        native.count()
    elif clock.tracer is None and not clock.complex and not mode.anomaly:
        native.walk(node, g, keep)
        return
    node.g = g
    heap = [(-node.seq, node)]
    try:
        _walk(heap, keep, False, None, None)
    finally:
        for _, left in heap:
            left.g = None


def walk_on(heap: list[tuple[int, Node]], keep: bool) -> None:
    """Walk on from nodes that have their cotangents."""
    heapify(heap)
    try:
        _walk(heap, keep, False, None, None)
    finally:
        for _, left in heap:
            left.g = None


def send(node: Node, g: Any, heap: list[tuple[int, Node]]) -> None:
    """Add a cotangent to what has arrived at `node` so far."""
    if node.g is None:
        node.g = g
        heappush(heap, (-node.seq, node))
    else:
        node.g = node.g + g


def _walk(
    heap: list[tuple[int, Node]],
    keep: bool,
    create: bool,
    captured: dict[Node, Any] | None,
    wanted: set[Node] | None,
) -> None:
    """Run the nodes, newest first: the hot path of every backward(), so it calls as little as it can."""
    special = create or captured is not None or mode.anomaly or clock.complex
    room = recent.room if captured is None else 0
    while heap:
        node = heappop(heap)[1]
        g = node.g
        node.g = None
        kind = type(node)
        if special or node.extra is not None or kind is not Node or node.op.joint or type(g) is dict:
            extra = node.extra
            if extra is not None and extra.prehooks:
                g = hooked(extra.prehooks, g, create)
            if captured is not None and node in captured:
                captured[node] = g
            if kind is AccumulateGrad:
                if captured is None:
                    gi = None  # accumulate counts the references to g
                    if extra is not None and extra.node_prehooks:
                        g = before_node(node, g, create)
                    accumulate(node, g)  # type: ignore[arg-type]
                    if extra is not None and extra.hooks:
                        after_node(node, (), g, create)
                continue
            if kind is Output:
                _deposit(node, g, heap)
                continue
            check_ready(node)
            for e, gi in zip(node.edges, _results(node, g, create, wanted)):
                if e is not None and gi is not None:
                    send(e, gi if e.shape is None or gi.shape == e.shape else sum_to(gi, e.shape), heap)
        else:
            op = node.op
            saved = node.saved
            if saved is FREED or clock.touched > node.seq:
                check_ready(node)
            y = node.y
            for e, pull in zip(node.edges, op.pulls):
                if e is not None and pull is not None:
                    gi = g if pull is same else pull(g, y, *saved)
                    if gi.shape != e.shape:
                        gi = sum_to(gi, e.shape)
                    if e.g is None:
                        e.g = gi
                        heappush(heap, (-e.seq, e))
                    else:
                        e.g = e.g + gi
        if not keep and (node.op.reads or node.op.reads_y):
            if room > 0 and kind is Node:
                room -= g.size if type(g) is np.ndarray else elements(g)
                recent.nodes.append(ref(node))
            else:
                free(node)
    recent.forget(room <= 0)


def _deposit(node: Any, g: Any, heap: list[tuple[int, Node]]) -> None:
    """One output of several: the operation's node runs once, with a list of what arrived for each."""
    parent = node.edges[0]
    if parent.g is None:
        parent.g = {}
        heappush(heap, (-parent.seq, parent))
    before = parent.g.get(node.index)
    parent.g[node.index] = g if before is None else before + g


def _results(node: Node, g: Any, create: bool, wanted: set[Node] | None) -> Any:
    """The cotangents of a node's inputs, with everything that is not everyday."""
    if type(g) is dict:
        g = [_missing(g, i, kind, create) for i, kind in enumerate(node.shape)]
    if node.extra is not None and node.extra.node_prehooks:
        g = before_node(node, g, create)
    values = node.args if create else node.saved
    y = node.y
    if create and y is not None:
        y = (
            [_as_saved(v, node, i) for i, v in enumerate(y)]
            if type(y) in (list, tuple)
            else _as_saved(y, node)
        )
    needs = [e is not None and (wanted is None or e in wanted) for e in node.edges]
    op = node.op
    if op.joint:
        rule = op.pulls[0]
        results = list(rule(g, y, *values, needs=needs) if op.needs else rule(g, y, *values))
        results = [r if need else None for r, need in zip(results, needs)]
    else:
        pulls = op.complex_pulls if clock.complex else op.pulls
        results = [pull(g, y, *values) if need and pull else None for need, pull in zip(needs, pulls)]
    if node.extra is not None and node.extra.hooks:
        results = after_node(node, results, g, create)
    if mode.anomaly:
        check_nan(node, results)
    return results


def _missing(g: dict[int, Any], i: int, kind: tuple[Any, Any], create: bool) -> Any:
    """The cotangent of output i of several: zeros where none arrived, None if it is not floating."""
    if i in g:
        return g[i]
    if kind is None:
        return None
    shape, dtype = kind
    if FROM_NUMPY[dtype].category < FLOAT:
        return None
    zeros = np.zeros(shape, dtype)
    return Tensor._wrap(zeros) if create else zeros


def _as_saved(array: Any, node: Node, index: int | None = None) -> Tensor:
    """A saved output as a tensor with its place on the tape, for second order."""
    t: Tensor = new_tensor(Tensor)
    t._a = array
    if FROM_NUMPY[array.dtype].category < FLOAT:
        t._node = None
    else:
        t._node = node if index is None else Output(node, index, array.shape)
    return t


def _accumulate_traced(leaf: Tensor, old: Tensor | None, g: Any) -> None:
    """accumulate() inside a trace: a new `.grad`, or one changed in place, as the program will do it."""
    clock.tracer.leaf(leaf, old)
    if not isinstance(g, Tensor):
        g = Tensor._wrap(g)
    clock.tracer.lift(g, old)
    if old is None:
        leaf._grad = g
    else:
        old._a[...] = old._a + g._a
    node: Any = leaf._node
    if node.post_hooks:
        after_accumulation(node, leaf)


def _references(g: Any) -> int:
    return getrefcount(g)


def _references_of_one_owner() -> int:
    """What getrefcount says in a function whose caller alone holds the array: it differs between Pythons."""
    g = np.zeros(1)
    return _references(g)


_ONE_OWNER = _references_of_one_owner()


def accumulate(node: AccumulateGrad, g: Any) -> None:
    """Add a cotangent to the leaf's `.grad`; a fresh array becomes the `.grad`, any other is copied."""
    leaf = node.ref()
    if leaf is None:
        return
    old = leaf._grad
    if clock.tracer is not None and clock.tracer.here():
        _accumulate_traced(leaf, old, g)
        return
    if isinstance(g, Tensor):
        leaf._grad = g.clone() if old is None else old + g
    elif old is None:
        if g.dtype != node.dtype:
            g = g.astype(node.dtype)
        elif (
            type(g) is not np.ndarray
            or g.base is not None
            or getrefcount(g) > _ONE_OWNER
            or not g.flags.writeable
        ):
            g = np.array(g)
        leaf._grad = Tensor._wrap(g)
    else:
        a = old._a
        if type(a) is not np.ndarray:
            a = old._array()
        a += g
    if node.post_hooks:
        after_accumulation(node, leaf)
