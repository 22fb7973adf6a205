"""What goes into a traced function and what comes out of it: tensors in nested tuples, lists and dicts."""

from __future__ import annotations

from typing import Any, NamedTuple

from ..autograd.tape import FREED, clock
from ..tensor import Tensor
from .ir import Var
from .traced import Traced, raw


class Passed(NamedTuple):
    """A tensor that the function returns as it got it: number `place` of `arguments + captured`."""

    place: int


class Result(NamedTuple):
    """The place of the program's output number `place` in what the function returns."""

    place: int


def tensors_in(value: Any, found: list[Tensor] | None = None) -> list[Tensor]:
    """The tensors in nested tuples, lists and dicts, each once, in order."""
    found = [] if found is None else found
    if isinstance(value, Tensor):
        if not any(value is t for t in found):
            found.append(value)
    elif isinstance(value, (list, tuple)):
        for v in value:
            tensors_in(v, found)
    elif isinstance(value, dict):
        tensors_in(list(value.values()), found)
    return found


def unwrap(value: Any) -> None:
    """Plain arrays for the traced ones in a result, and in the graph that hangs on it."""
    if isinstance(value, Tensor):
        if isinstance(value._a, Traced):
            value._a = raw(value._a)
            _unwrap_graph(value._node)
    elif isinstance(value, (list, tuple)):
        for v in value:
            unwrap(v)
    elif isinstance(value, dict):
        unwrap(list(value.values()))


def _unwrap_graph(root: Any) -> None:
    """Plain arrays in what the nodes of a graph have saved."""

    def plain(x: Any) -> Any:
        if isinstance(x, Tensor) and isinstance(x._a, Traced):
            x._a = raw(x._a)
        if type(x) in (list, tuple):
            return type(x)(map(plain, x))
        return raw(x)

    todo, seen = [root], set()
    while todo:
        node = todo.pop()
        if node is None or node in seen:
            continue
        seen.add(node)
        if node.saved is not FREED:
            node.args, node.saved, node.y = (
                tuple(map(plain, node.args)),
                tuple(map(plain, node.saved)),
                plain(node.y),
            )
        todo.extend(node.edges)


def template(value: Any, outputs: list[Var], found: list[Tensor], known: dict[int, int]) -> Any:
    """The value with `Result` or `Passed` for tensors; the variables of results are added to `outputs`."""
    if isinstance(value, Tensor):
        if id(value) in known:
            return Passed(known[id(value)])
        for i, t in enumerate(found):
            if t is value:
                return Result(i)
        found.append(value)
        clock.tracer.lift(value)
        outputs.append(value._a.read())
        return Result(len(outputs) - 1)
    if type(value) in (list, tuple):
        return type(value)(template(v, outputs, found, known) for v in value)
    if isinstance(value, tuple):
        return rebuilt(value, [template(v, outputs, found, known) for v in value])
    if type(value) is dict:
        return {k: template(v, outputs, found, known) for k, v in value.items()}
    return value


def rebuilt(like: tuple[Any, ...], items: list[Any]) -> Any:
    """A tuple of the same kind with other items; named tuples take them one by one."""
    return type(like)(*items) if hasattr(like, "_fields") else type(like)(items)
