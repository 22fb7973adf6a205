"""The tape: one node per recorded operation, linked to the nodes that made its inputs.

NOTE [Clock] Nodes and in-place changes draw from one counter. A node was made at `seq`; the storage of a
tensor was last changed at `_stamp` of its root. A saved tensor was changed after it was saved exactly if
stamp > seq, so saving costs nothing and no version is stored. A compiled step notes its time in a cell that
the roots it writes have in common (`_cells`): the last change is the latest of the stamp and the cells.
"""

from __future__ import annotations

import weakref
from _thread import _local  # threading.local itself, without the 2 ms that importing threading takes
from collections.abc import Callable
from itertools import count
from types import CodeType
from typing import Any

from .._structure import changed

tick: Callable[[], int] = count(1).__next__
Where = tuple[CodeType, int]


class _Clock:
    """When any tensor was last changed in place: a walk over nodes older than that need not look closer.

    While there is a `tracer`, short cuts that compute outside `dispatch.bind` stand aside, in all threads:
    `bind` asks the tracer whether the code is its own. An observer, which lets everything run as it is, sees
    operations without being anybody's tracer: sees() is true and here() is not.
    """

    __slots__ = ("complex", "touched", "tracer")

    def __init__(self) -> None:
        self.touched = 0
        self.complex = False  # whether complex numbers were ever recorded: their rules conjugate
        self.tracer: Any = None  # what writes the running function down as a program, while one is traced

    def tracing(self) -> bool:
        """Whether the running code is being traced: it has the tracer's thread."""
        tracer = self.tracer
        return tracer is not None and tracer.here()


clock = _Clock()


def last_change(root: Any) -> tuple[int, Any]:
    """When the memory of a root tensor was last changed, and by which line: see NOTE [Clock]."""
    stamp, spot = root._stamp, root._touched
    for cell in root._cells:
        if cell.value > stamp:
            stamp, spot = cell.value, cell.where
    return stamp, spot


class _Mode(_local):
    """Per thread: whether operations are recorded, inference mode is on, anomalies are looked for."""

    grad = True
    inference = False
    anomaly = False
    check_nan = True


mode = _Mode()


class Node:
    """One recorded operation: its record, what it saved, and the nodes its cotangents go to.

    `args` are the tensors and attributes (for second order and change checks), `saved` the plain arrays in
    the same order, `y` the output array if the rule reads it, `edges` the nodes of the inputs (None: no
    gradient needed).
    """

    __slots__ = ("__weakref__", "args", "edges", "extra", "g", "op", "saved", "seq", "shape", "where", "y")

    def __init__(
        self,
        op: Any,
        args: Any,
        saved: Any,
        y: Any,
        edges: tuple[Node | None, ...],
        shape: Any,
        where: Where | None,
    ) -> None:
        self.op = op
        self.args = args
        self.saved = saved
        self.y = y
        self.edges = edges
        self.shape = shape
        self.where = where
        self.seq = tick()
        self.g: Any = None
        self.extra: Extra | None = None

    def more(self) -> Extra:
        """The node's rarely used fields, made on first use."""
        if self.extra is None:
            self.extra = Extra()
        return self.extra

    def name(self) -> str:
        """What PyTorch calls this node, such as MulBackward0."""
        name = self.op.grad_name
        return name(self.args) if callable(name) else name

    @property
    def next_functions(self) -> tuple[tuple[Node | None, int], ...]:
        """The nodes that the cotangents go to, each with the number of the output it belongs to."""
        edges = self.edges
        number = not self.args or any(isinstance(a, (int, float, complex)) for a in self.args)
        if number and getattr(self.op, "weak", False):  # x ** 2: PyTorch's node has one input, the base
            edges = tuple(e for e in edges if e is not None)
        return tuple((None, 0) if e is None else e.as_edge() for e in edges)

    def as_edge(self) -> tuple[Node, int]:
        return self, 0

    @property
    def metadata(self) -> dict[Any, Any]:
        return self.more().metadata

    def register_hook(self, hook: Callable[..., Any]) -> Removable:
        """Call hook(grad_inputs, grad_outputs) after this node has run; it may return new grad_inputs."""
        return Removable(self.more().hooks, hook)

    def register_prehook(self, hook: Callable[..., Any]) -> Removable:
        """Call hook(grad_outputs) before this node runs; it may return new grad_outputs."""
        return Removable(self.more().node_prehooks, hook)

    def _tensor_hook(self, hook: Callable[..., Any]) -> Removable:
        """Call hook(g) on the cotangent that arrives; retain_grad() keeps what all hooks have left of it."""
        hooks = self.more().prehooks
        retain = hooks.pop(RETAIN, None)
        handle = Removable(hooks, hook)
        if retain is not None:
            hooks[RETAIN] = retain
        return handle

    def __repr__(self) -> str:
        return f"<{self.name()} object at {id(self):#x}>"


class Extra:
    """What few nodes have: hooks, the user's metadata, the line that changed a saved result."""

    __slots__ = ("dirty", "hooks", "metadata", "node_prehooks", "prehooks")

    def __init__(self) -> None:
        self.prehooks: dict[int, Callable[..., Any]] = {}  # of the tensor
        self.node_prehooks: dict[int, Callable[..., Any]] = {}
        self.hooks: dict[int, Callable[..., Any]] = {}
        self.metadata: dict[Any, Any] = {}
        self.dirty: Where | None | bool = False


RETAIN = -1  # the key of retain_grad()'s hook, which stays behind all others


class AccumulateGrad(Node):
    """The end of the tape at a leaf: adds the cotangent to the leaf's `.grad`."""

    __slots__ = ("dtype", "post_hooks", "ref")

    def __init__(self, leaf: Any) -> None:
        super().__init__(_ACCUMULATE, (), (), None, (), leaf._a.shape, None)
        self.ref: Callable[[], Any] = weakref.ref(leaf)
        self.dtype = leaf._a.dtype
        self.post_hooks: dict[int, Callable[..., Any]] | None = None
        if self.dtype.kind == "c":
            clock.complex = True

    @property
    def variable(self) -> Any:
        """The leaf tensor."""
        return self.ref()


class Output(Node):
    """One output of an operation that has several; passes its cotangent on to the operation's node."""

    __slots__ = ("index",)

    def __init__(self, parent: Node, index: int, shape: Any) -> None:
        super().__init__(parent.op, (), (), None, (parent,), shape, parent.where)
        self.index = index

    def as_edge(self) -> tuple[Node, int]:
        parent = self.edges[0]
        return (self if parent is None else parent), self.index


class _Accumulate:
    """Stands where an operation's record stands on other nodes."""

    grad_name = "AccumulateGrad"
    name = "accumulate_grad"


_ACCUMULATE = _Accumulate()


class Removable:
    """Handle of a hook: `remove()` takes it off again; also a context manager."""

    __slots__ = ("id", "tables")
    _next = count()

    def __init__(self, hooks: dict[int, Any], hook: Any, *others: dict[int, Any]) -> None:
        self.id = next(Removable._next)
        self.tables = (hooks, *others)
        hooks[self.id] = hook
        changed()

    def remove(self) -> None:
        """Take the hook off; doing so twice does nothing."""
        changed()
        for table in self.tables:
            table.pop(self.id, None)

    def __enter__(self) -> Removable:
        return self

    def __exit__(self, *exc: object) -> None:
        self.remove()


class _Freed(tuple[Any, ...]):
    """What a node's saved values become once backward has used them."""

    __slots__ = ()


FREED = _Freed()
