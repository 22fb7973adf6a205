"""Custom operations: torch.autograd.Function, whose forward and backward the user writes."""

from __future__ import annotations

import weakref
from collections.abc import Callable
from functools import wraps
from typing import Any

from ..dispatch import cast, where
from ..errors import message, source_line
from ..inplace import rebase, require_writable, touch
from ..ops.record import Spec
from ..tensor import Tensor
from ..types import FLOAT, FROM_NUMPY
from .mode import set_grad
from .tape import FREED, Node, Output, mode


def _nowhere() -> None:
    return None


class Context:
    """What forward leaves for backward (`ctx`): saved tensors, attributes, which gradients are wanted."""

    def __init__(self) -> None:
        self._saved: tuple[Any, ...] = ()  # until the node is made, which then has them
        self._outputs: dict[
            int, int
        ] = {}  # which saved tensors are outputs: position to number of the output
        self._places: dict[int, Callable[[], Any]] = {}  # the outputs' places on the tape, held weakly
        self._dirty: tuple[Tensor, ...] = ()
        self._non_differentiable: set[int] = set()
        self._materialize = True
        self._node: Callable[[], Any] = _nowhere
        self.needs_input_grad: tuple[bool, ...] = ()

    def save_for_backward(self, *tensors: Tensor | None) -> None:
        """Keep tensors for backward; changing them in place afterwards is an error there."""
        for t in tensors:
            if t is not None and not isinstance(t, Tensor):
                raise TypeError(
                    f"save_for_backward can only save variables, but argument {tensors.index(t)} is of type "
                    f"{type(t).__name__}"
                )
        self._saved = tensors

    def save_for_forward(self, *tensors: Tensor | None) -> None:
        """Accepted for programs that define jvp; forward mode reads the same tensors."""

    def mark_dirty(self, *tensors: Tensor) -> None:
        """Say which inputs forward has changed in place."""
        self._dirty = tensors

    def mark_non_differentiable(self, *tensors: Tensor) -> None:
        """Say which outputs have no gradient."""
        self._non_differentiable = {id(t) for t in tensors}

    def set_materialize_grads(self, value: bool) -> None:
        """Whether cotangents that did not arrive are handed to backward as zeros (True) or None."""
        self._materialize = value

    @property
    def saved_tensors(self) -> tuple[Tensor | None, ...]:
        node = self._node()
        if node is not None and node.saved is FREED:
            raise RuntimeError(
                message(
                    "Trying to backward through the graph a second time (or directly access saved tensors "
                    "after they have already been freed).",
                    came=f"{node.name()}, recorded at {source_line(node.where)}",
                    fix="run the forward pass again, or call the first backward with retain_graph=True",
                )
            )
        return tuple(self._restored(i, t) for i, t in enumerate(self._saved if node is None else node.args))

    saved_variables = saved_tensors

    def _restored(self, i: int, t: Any) -> Any:
        """A saved output is kept as its array (a tensor would be a cycle) and gets its node back here."""
        index = self._outputs.get(i)
        if index is None:
            return t
        fresh = Tensor._wrap(t)
        fresh._node = self._place(index, t.shape)
        return fresh

    def _place(self, index: int, shape: Any) -> Output | None:
        """The place of output `index` on the tape; all its readers must meet there."""
        node = self._node()
        place: Output | None = self._places.get(index, _nowhere)()
        if place is None and node is not None:
            place = Output(node, index, shape)
            self._places[index] = weakref.ref(place)
        return place


class FunctionRecord:
    """Stands where an operation's record stands on the tape's other nodes."""

    joint = True
    needs = False
    reads_y = False
    differentiable = True

    def __init__(self, name: str, saves: int, rule: Callable[..., Any]) -> None:
        self.name = name
        self.grad_name = name + "Backward"
        self.nargs = saves
        self.reads = frozenset(range(saves))
        self.pulls = self.complex_pulls = (rule,)


class FunctionNode(Node):
    """The tape's node of a custom Function."""

    __slots__ = ("ctx",)

    ctx: Context

    def __getattr__(self, name: str) -> Any:
        """PyTorch's ctx is the node itself: what forward put on ctx can be read on grad_fn."""
        if name == "ctx":
            raise AttributeError(name)
        return getattr(self.ctx, name)


class Function:
    """Base class of custom operations: static `forward(ctx, *args)` and `backward(ctx, *grad_outputs)`.

    >>> import chainrule as cr
    >>> class Square(cr.autograd.Function):
    ...     @staticmethod
    ...     def forward(ctx, x):
    ...         ctx.save_for_backward(x)
    ...         return x * x
    ...     @staticmethod
    ...     def backward(ctx, g):
    ...         (x,) = ctx.saved_tensors
    ...         return 2 * x * g
    >>> x = cr.tensor(3.0, requires_grad=True)
    >>> Square.apply(x).backward()
    >>> x.grad
    tensor(6.)
    """

    setup_context: Any = None

    @staticmethod
    def forward(*args: Any, **kwargs: Any) -> Any:
        raise NotImplementedError("You must implement the forward function for custom autograd.Function.")

    @staticmethod
    def backward(ctx: Any, *grad_outputs: Any) -> Any:
        raise NotImplementedError(
            "You must implement either the backward or vjp method for your custom autograd.Function to use "
            "it with backward mode AD."
        )

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        raise RuntimeError(
            f"{type(self)} should not be instantiated. Methods on autograd functions are all static, so you "
            f"should invoke them on the class itself: {type(self).__name__}.apply(...)"
        )

    @classmethod
    def apply(cls, *args: Any, **kwargs: Any) -> Any:
        """Run forward on the arguments and record backward."""
        ctx = Context()
        ctx.needs_input_grad = tuple(isinstance(a, Tensor) and a._node is not None for a in args)
        with set_grad(False):
            if cls.setup_context is not None:
                outputs = cls.forward(*args, **kwargs)
                cls.setup_context(ctx, args, outputs)
            else:
                outputs = cls.forward(ctx, *args, **kwargs)
        return _record(cls, ctx, args, outputs)

    vjp = backward


def _record(cls: type[Function], ctx: Context, args: tuple[Any, ...], outputs: Any) -> Any:
    single = not isinstance(outputs, tuple)
    outs = [outputs] if single else list(outputs)
    tracked = mode.grad and any(ctx.needs_input_grad)
    dirty = {id(t) for t in ctx._dirty}
    for t in ctx._dirty:
        require_writable(t)
    for i, out in enumerate(outs):  # an input handed back unchanged becomes a new tensor on the same memory
        if isinstance(out, Tensor) and id(out) not in dirty and any(out is a for a in args):
            outs[i] = Tensor._wrap(out._array())
    if tracked:
        node = _make_node(cls, ctx, args, outs, outputs if not single else (outputs,))
        _attach(node, ctx, outs, dirty)
    return outs[0] if single else tuple(outs)


def _make_node(cls: type[Function], ctx: Context, args: Any, outs: list[Any], originals: Any) -> FunctionNode:
    positions = [i for i, a in enumerate(args) if isinstance(a, Tensor)]
    saved = list(ctx._saved)
    for i, t in enumerate(saved):
        for k, (out, original) in enumerate(zip(outs, originals)):
            if t is not None and (t is out or (t is original and not any(t is a for a in args))):
                ctx._outputs[i] = k
                saved[i] = t._array()
    ctx._saved = ()
    count = len(args)
    specs = [Spec(args[i]._a.shape, args[i].dtype) for i in positions]

    def rule(g: Any, y: Any, *_: Any) -> list[Any]:
        return _call_backward(cls, ctx, g, count, positions, specs)

    shapes = [
        (o._a.shape, o._a.dtype) if isinstance(o, Tensor) and ctx._materialize and _floating(o) else None
        for o in outs
    ]
    edges = tuple(args[i]._node for i in positions)
    record = FunctionRecord(cls.__name__, len(saved), rule)
    node = FunctionNode(record, tuple(saved), tuple(saved), None, edges, shapes, where(3))
    node.ctx = ctx
    ctx._node = weakref.ref(node)
    return node


def _floating(t: Tensor) -> bool:
    return FROM_NUMPY[t._a.dtype].category >= FLOAT


def _attach(node: FunctionNode, ctx: Context, outs: list[Any], dirty: set[int]) -> None:
    for i, out in enumerate(outs):
        if not isinstance(out, Tensor) or id(out) in ctx._non_differentiable or not _floating(out):
            continue
        place = ctx._place(i, out._a.shape)
        if id(out) in dirty:
            touch(out, node.where)
            fresh = Tensor._wrap(out._a)
            fresh._node = place
            rebase(out, fresh)
        else:
            out._node = place
            if place is not None and i in ctx._outputs.values():
                place.y = True  # a later change of the output changes a saved value (see touch)


def _call_backward(
    cls: type[Function], ctx: Context, g: Any, count: int, positions: list[int], specs: list[Spec]
) -> list[Any]:
    """The user's backward on tensors; its results in the arguments' order, arrays for first order."""
    gs = g if isinstance(g, list) else [g]
    second = mode.grad and any(isinstance(v, Tensor) for v in gs)
    grads = [v if v is None or isinstance(v, Tensor) else Tensor._wrap(v) for v in gs]
    with set_grad(second):
        backward = cls.backward if cls.backward is not Function.backward else cls.vjp
        results = backward(ctx, *grads)
    if not isinstance(results, tuple):
        results = (results,)
    if len(results) > count and any(r is not None for r in results[count:]) or len(results) < count:
        raise RuntimeError(
            f"function {cls.__name__}Backward returned an incorrect number of gradients (expected {count}, "
            f"got {len(results)})"
        )
    for i, r in enumerate(results):
        if r is not None and not isinstance(r, Tensor):
            raise RuntimeError(
                f"expected Variable or None (got {type(r).__name__}) as gradient {i} of {cls.__name__}"
            )
    picked = [
        results[i] if results[i] is None else _fitting(cls, results[i], i, s)
        for i, s in zip(positions, specs)
    ]
    return picked if second else [None if r is None else r._a for r in picked]


def _fitting(cls: type[Function], r: Tensor, i: int, expected: Spec) -> Tensor:
    """A gradient of the input's dtype and of a shape that the input's shape broadcasts to."""
    shape, size = r._a.shape, expected.shape
    if len(shape) < len(size) or any(n not in (1, m) for m, n in zip(reversed(shape), reversed(size))):
        raise RuntimeError(
            f"Function {cls.__name__}Backward returned an invalid gradient at index {i} - got {list(shape)} "
            f"but expected shape compatible with {list(size)}"
        )
    return cast(r, expected.dtype)


def once_differentiable(function: Callable[..., Any]) -> Callable[..., Any]:
    """Mark a backward that cannot itself be differentiated: trying to is an error, not a wrong number."""

    @wraps(function)
    def wrapper(ctx: Any, *grads: Any) -> Any:
        with set_grad(False):
            results = function(ctx, *grads)
        if not mode.grad or not any(isinstance(g, Tensor) and g._node is not None for g in grads):
            return results
        listed = results if isinstance(results, tuple) else (results,)
        edges = tuple(g._node if isinstance(g, Tensor) else None for g in grads)
        marked = tuple(r if r is None else _refusing(r, edges) for r in listed)
        return marked if isinstance(results, tuple) else marked[0]

    return wrapper


def _refusing(result: Tensor, edges: Any) -> Tensor:
    def refuse(g: Any, y: Any, *_: Any) -> Any:
        raise RuntimeError(
            "trying to differentiate twice a function that was marked with @once_differentiable"
        )

    fresh = Tensor._wrap(result._a)
    fresh._node = Node(
        FunctionRecord("OnceDifferentiable", 0, refuse), (), (), None, edges, result._a.shape, None
    )
    return fresh
