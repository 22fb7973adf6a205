"""torch.func: derivatives as functions of functions."""

from __future__ import annotations

from collections.abc import Callable
from functools import wraps
from typing import TYPE_CHECKING, Any

from ._missing import module_getattr
from .autograd import functional
from .autograd.engine import grad as _grad
from .autograd.mode import set_grad
from .tensor import Tensor

Argnums = int | tuple[int, ...]


def _picked(args: tuple[Any, ...], argnums: Argnums) -> tuple[Any, ...]:
    return tuple(args[i] for i in ((argnums,) if isinstance(argnums, int) else argnums))


def _with(args: tuple[Any, ...], argnums: Argnums, values: tuple[Any, ...]) -> list[Any]:
    out = list(args)
    for i, v in zip((argnums,) if isinstance(argnums, int) else argnums, values):
        out[i] = v
    return out


def _leaves(tree: Any) -> list[Tensor]:
    """The tensors of nested dicts, lists and tuples, in order."""
    if isinstance(tree, Tensor):
        return [tree]
    if isinstance(tree, dict):
        return [t for v in tree.values() for t in _leaves(v)]
    if isinstance(tree, (list, tuple)):
        return [t for v in tree for t in _leaves(v)]
    return []


def _rebuilt(tree: Any, values: Any) -> Any:
    if isinstance(tree, Tensor):
        return next(values)
    if isinstance(tree, dict):
        return type(tree)((k, _rebuilt(v, values)) for k, v in tree.items())
    if isinstance(tree, (list, tuple)):
        return type(tree)(_rebuilt(v, values) for v in tree)
    return tree


def grad_and_value(
    func: Callable[..., Any], argnums: Argnums = 0, has_aux: bool = False
) -> Callable[..., Any]:
    """A function that returns (gradient, value) of a scalar function."""

    @wraps(func)
    def wrapper(*args: Any, **kwargs: Any) -> Any:
        with set_grad(True):
            trees = _picked(args, argnums)
            old = _leaves(trees)
            fresh = [t.view_as(t) if t._node is not None else t.detach().requires_grad_() for t in old]
            result = func(*_with(args, argnums, _rebuilt(trees, iter(fresh))), **kwargs)
            y, aux = result if has_aux else (result, None)
            if not isinstance(y, Tensor) or y._a.ndim:
                raise RuntimeError(
                    "grad_and_value(f)(*args): Expected f(*args) to return a scalar tensor, got "
                    f"{f'tensor with {y.ndim} dims' if isinstance(y, Tensor) else type(y)}. Maybe you wanted "
                    "to use the vjp or jacrev APIs instead?"
                )
            outer = any(t._node is not None for t in old) or _nested(y, fresh)
            found = _grad(y, fresh, create_graph=True, allow_unused=True, materialize_grads=True)
        values = list(found) if outer else [g.detach() for g in found]
        tree = _rebuilt(trees, iter(values))
        g = tree[0] if isinstance(argnums, int) else tree
        y = y if outer else y.detach()
        return (g, (y, aux)) if has_aux else (g, y)

    return wrapper


def _nested(y: Tensor, fresh: list[Tensor]) -> bool:
    """Whether the value depends on tensors that require grad besides those differentiated here."""
    own = {t._node for t in fresh}
    todo, seen = [y._node], set()
    while todo:
        node = todo.pop()
        if node is None or node in own or node in seen:
            continue
        seen.add(node)
        if not node.edges:
            return True
        todo.extend(node.edges)
    return False


def grad(func: Callable[..., Any], argnums: Argnums = 0, has_aux: bool = False) -> Callable[..., Any]:
    """The gradient of a scalar function, as a function; nest it for higher order.

    >>> import chainrule as cr
    >>> cr.func.grad(cr.func.grad(lambda x: x ** 3))(cr.tensor(2.0))
    tensor(12.)
    """
    both = grad_and_value(func, argnums, has_aux)

    @wraps(func)
    def wrapper(*args: Any, **kwargs: Any) -> Any:
        g, value = both(*args, **kwargs)
        return (g, value[1]) if has_aux else g

    return wrapper


def vjp(func: Callable[..., Any], *primals: Any, has_aux: bool = False) -> Any:
    """(func(*primals), vjp function): the function carries a cotangent back to the primals."""
    with set_grad(True):
        old = _leaves(primals)
        fresh = [t.view_as(t) if t._node is not None else t.detach().requires_grad_() for t in old]
        result = func(*_rebuilt(primals, iter(fresh)))
    y, aux = result if has_aux else (result, None)
    outs = _leaves(y)

    def pull(cotangents: Any, retain_graph: bool = True, create_graph: bool | None = None) -> Any:
        found = _grad(
            outs,
            fresh,
            tuple(_leaves(cotangents)),
            retain_graph=True,
            create_graph=bool(create_graph),
            allow_unused=True,
            materialize_grads=True,
        )
        return _rebuilt(primals, iter(found))

    shown = _rebuilt(y, iter([t.detach() for t in outs])) if not any(t._node for t in old) else y
    return (shown, pull, aux) if has_aux else (shown, pull)


def jvp(func: Callable[..., Any], primals: tuple[Any, ...], tangents: tuple[Any, ...]) -> Any:
    """(func(*primals), Jv) for the tangents v."""
    return functional.jvp(func, tuple(primals), tuple(tangents))


def jacrev(func: Callable[..., Any], argnums: Argnums = 0, has_aux: bool = False) -> Callable[..., Any]:
    """The Jacobian of a function by reverse mode, as a function."""

    @wraps(func)
    def wrapper(*args: Any, **kwargs: Any) -> Any:
        aux: list[Any] = []

        def inner(*xs: Any) -> Any:
            result = func(*_with(args, argnums, xs), **kwargs)
            if has_aux:
                aux.append(result[1])
                return result[0]
            return result

        chosen = _picked(args, argnums)
        inputs = chosen[0] if isinstance(argnums, int) else chosen
        needed = any(t._node is not None for t in _leaves(chosen))
        found = functional.jacobian(inner, inputs, create_graph=needed)
        return (found, aux[-1]) if has_aux else found

    return wrapper


jacfwd = jacrev


def hessian(func: Callable[..., Any], argnums: Argnums = 0) -> Callable[..., Any]:
    """The matrix of second derivatives of a scalar function, as a function."""
    return jacrev(jacrev(func, argnums), argnums)


def vmap(
    func: Callable[..., Any], in_dims: Any = 0, out_dims: Any = 0, randomness: str = "error", *,
    chunk_size: int | None = None,
) -> Callable[..., Any]:  # fmt: skip
    """`func` mapped over a dimension of its arguments, one call for each slice, results stacked."""
    from .ops.movement import stack

    @wraps(func)
    def wrapper(*args: Any, **kwargs: Any) -> Any:
        dims = in_dims if isinstance(in_dims, (tuple, list)) else (in_dims,) * len(args)
        sizes = {t._a.shape[d] for a, d in zip(args, dims) if d is not None for t in _leaves(a)}
        if len(sizes) != 1:
            raise ValueError(
                "vmap: Expected all tensors to have the same size in the mapped dimension, got sizes "
                f"{sorted(sizes)}"
            )
        rows = []
        for i in range(sizes.pop()):
            row = [
                a if d is None else _rebuilt(a, iter([t.select(d, i) for t in _leaves(a)]))
                for a, d in zip(args, dims)
            ]
            rows.append(func(*row, **kwargs))
        leaves = zip(*map(_leaves, rows))
        where = out_dims if isinstance(out_dims, int) else None
        places = iter(out_dims) if where is None else None
        merged = [stack(list(column), where if places is None else next(places)) for column in leaves]
        return _rebuilt(rows[0], iter(merged))

    return wrapper


def functional_call(
    module: Any, parameter_and_buffer_dicts: Any, args: Any = None, kwargs: dict[str, Any] | None = None, *,
    tie_weights: bool = True, strict: bool = False,
) -> Any:  # fmt: skip
    """Call a module with some of its parameters and buffers replaced, for this call only."""
    given = parameter_and_buffer_dicts
    values = {k: v for d in (given if isinstance(given, (list, tuple)) else (given,)) for k, v in d.items()}
    arguments = () if args is None else args if isinstance(args, tuple) else (args,)
    old: list[tuple[Any, str, str, Any]] = []
    try:
        for name, value in values.items():
            path, _, leaf = name.rpartition(".")
            owner = module.get_submodule(path)
            table = "_parameters" if leaf in owner._parameters else "_buffers"
            if leaf not in getattr(owner, table):
                raise AttributeError(f"{type(module).__name__} has no attribute `{name}`")
            old.append((owner, table, leaf, getattr(owner, table)[leaf]))
            getattr(owner, table)[leaf] = value
        return module(*arguments, **(kwargs or {}))
    finally:
        for owner, table, leaf, value in reversed(old):
            getattr(owner, table)[leaf] = value


if not TYPE_CHECKING:
    __getattr__ = module_getattr(__name__)
