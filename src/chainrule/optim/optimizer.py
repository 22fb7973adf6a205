"""The optimizer that every other one extends: param groups, state, hooks, gradients to zero."""

from __future__ import annotations

import warnings
from collections import OrderedDict, defaultdict
from collections.abc import Callable, Iterable
from functools import wraps
from itertools import chain
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, ClassVar, TypeAlias

from .._structure import changed
from ..autograd.tape import Removable, clock
from ..dispatch import where
from ..inplace import touch
from ..tensor import Tensor
from . import state_dict as saved

ParamsT: TypeAlias = Iterable[Tensor] | Iterable[dict[str, Any]] | Iterable[tuple[str, Tensor]]
Hooks: TypeAlias = "OrderedDict[int, Callable[..., Any]]"

_HOOKS = (
    "step_pre",
    "step_post",
    "state_dict_pre",
    "state_dict_post",
    "load_state_dict_pre",
    "load_state_dict_post",
)
_before_any: Hooks = OrderedDict()
_after_any: Hooks = OrderedDict()


class _Required:
    """Stands in `defaults` for a hyper-parameter that every param group must give."""

    def __repr__(self) -> str:
        return "<required parameter>"


required = _Required()


def typename(value: object) -> str:
    """The name by which messages call a value's type."""
    if isinstance(value, Tensor):
        return "torch.FloatTensor" if value.dtype.name == "float32" else "torch.Tensor"
    kind = type(value)
    return kind.__qualname__ if kind.__module__ == "builtins" else f"{kind.__module__}.{kind.__qualname__}"


def register_optimizer_step_pre_hook(hook: Callable[..., Any]) -> Removable:
    """Call hook(optimizer, args, kwargs) before any optimizer's step(); it may return new (args, kwargs)."""
    return Removable(_before_any, hook)


def register_optimizer_step_post_hook(hook: Callable[..., None]) -> Removable:
    """Call hook(optimizer, args, kwargs) after any optimizer's step()."""
    return Removable(_after_any, hook)


def _hooked(step: Callable[..., Any]) -> Callable[..., Any]:
    """`step` with the hooks around it, once even if it calls its parent's."""

    @wraps(step)
    def run(self: Optimizer, *args: Any, **kwargs: Any) -> Any:
        before, after = self._optimizer_step_pre_hooks, self._optimizer_step_post_hooks
        if not (before or after or _before_any or _after_any) or type(self).step is not run:
            return step(self, *args, **kwargs)
        for hook in chain(_before_any.values(), before.values()):
            changed = hook(self, args, kwargs)
            if changed is None:
                continue
            if not isinstance(changed, tuple) or len(changed) != 2:
                raise RuntimeError(
                    f"{step} must return None or a tuple of (new_args, new_kwargs), but got {changed}."
                )
            args, kwargs = changed
        result = step(self, *args, **kwargs)
        for hook in chain(after.values(), _after_any.values()):
            hook(self, args, kwargs)
        return result

    return run


class Optimizer:
    """Base of all optimizers: a subclass defines step() and passes the hyper-parameters' defaults.

    `params` are tensors, (name, tensor) pairs, or dicts: param groups with their own settings.

    Raises:
        TypeError: `params` is a tensor, or holds something else than tensors.
        ValueError: no parameters, a non-leaf tensor, or a tensor in two groups.

    Example:
        >>> import chainrule as cr
        >>> w = cr.tensor([1.0], requires_grad=True)
        >>> class Descent(cr.optim.Optimizer):
        ...     @cr.no_grad()
        ...     def step(self, closure=None):
        ...         for group in self.param_groups:
        ...             for p in group["params"]:
        ...                 p -= group["lr"] * p.grad
        >>> optimizer = Descent([w], {"lr": 0.5})
        >>> (w * w).sum().backward()
        >>> optimizer.step()
        >>> w
        tensor([0.], requires_grad=True)
    """

    # none, for a subclass that does without __init__
    _optimizer_step_pre_hooks: Any = MappingProxyType({})
    _optimizer_step_post_hooks: Any = MappingProxyType({})

    # keys that param groups saved by older releases lack, with the value that means what those did
    _added_later: ClassVar[dict[str, Any]] = {
        "momentum": 0, "nesterov": False, "centered": False, "amsgrad": False, "maximize": False,
        "foreach": None, "capturable": False, "differentiable": False, "fused": None,
        "decoupled_weight_decay": False,
    }  # fmt: skip

    def __init_subclass__(cls, **kwargs: Any) -> None:
        super().__init_subclass__(**kwargs)
        if "step" in cls.__dict__:
            cls.step = _hooked(cls.__dict__["step"])  # type: ignore[method-assign]

    def __init__(self, params: ParamsT, defaults: dict[str, Any]) -> None:
        self.defaults = defaults
        self._make_hooks()
        if isinstance(params, Tensor):
            raise TypeError(
                "params argument given to the optimizer should be an iterable of Tensors or dicts, but got "
                + typename(params)
            )
        self.state: defaultdict[Any, Any] = defaultdict(dict)
        self.param_groups: list[dict[str, Any]] = []
        groups: list[Any] = list(params)
        if not groups:
            raise ValueError("optimizer got an empty parameter list")
        for group in groups if isinstance(groups[0], dict) else [{"params": groups}]:
            self.add_param_group(group)

    def _make_hooks(self) -> None:
        for name in _HOOKS:
            self.__dict__.setdefault(f"_optimizer_{name}_hooks", OrderedDict())

    if TYPE_CHECKING:
        _optimizer_state_dict_pre_hooks: Hooks
        _optimizer_state_dict_post_hooks: Hooks
        _optimizer_load_state_dict_pre_hooks: Hooks
        _optimizer_load_state_dict_post_hooks: Hooks

    def __getstate__(self) -> dict[str, Any]:
        return {"defaults": self.defaults, "state": self.state, "param_groups": self.param_groups}

    def __setstate__(self, state: dict[str, Any]) -> None:
        self.__dict__.update(state)
        changed()
        self._make_hooks()
        self.defaults.setdefault("differentiable", False)
        for group in self.param_groups:
            for key, value in self._added_later.items():
                if key in self.defaults:
                    group.setdefault(key, value)

    def __repr__(self) -> str:
        groups = []
        for i, group in enumerate(self.param_groups):
            settings = [f"    {key}: {group[key]}" for key in sorted(group) if key != "params"]
            groups.append("\n".join([f"Parameter Group {i}", *settings]))
        return f"{type(self).__name__} (\n" + "\n\n".join(groups) + "\n)"

    # ----- param groups

    def add_param_group(self, param_group: dict[str, Any]) -> None:
        """Add a param group: a dict with "params" and the hyper-parameters that differ from the defaults."""
        if not isinstance(param_group, dict):
            raise TypeError(f"param_group must be a dict, but got {type(param_group)}")
        _list_params(param_group)
        params = param_group["params"]
        for p in params:
            self._check_param(p)
        for name, default in self.defaults.items():
            if default is required and name not in param_group:
                raise ValueError(
                    f"parameter group didn't specify a value of required optimization parameter {name}"
                )
            param_group.setdefault(name, default)
        if len(params) != len(set(params)):
            warnings.warn(
                "optimizer contains a parameter group with duplicate parameters; in future, this will cause "
                "an error; see github.com/pytorch/pytorch/issues/40967 for more information",
                stacklevel=3,
            )
        for group in self.param_groups:
            if ("param_names" in param_group) != ("param_names" in group):
                words = "with names" if "param_names" in param_group else "without names"
                raise ValueError(
                    "all optimizer param groups should be with/without names. "
                    f"cannot add param group {words} to the optimizer"
                )
        if not {p for group in self.param_groups for p in group["params"]}.isdisjoint(params):
            raise ValueError("some parameters appear in more than one parameter group")
        self.param_groups.append(param_group)
        changed()

    def _check_param(self, p: object) -> None:
        if not isinstance(p, Tensor):
            raise TypeError(f"optimizer can only optimize Tensors, but one of the params is {typename(p)}")
        if not (self.defaults.get("differentiable") or p.is_leaf or p.retains_grad):
            raise ValueError("can't optimize a non-leaf Tensor")

    def zero_grad(self, set_to_none: bool = True) -> None:
        """Forget the gradients of all parameters, or fill them with zeros."""
        for group in self.param_groups:
            for p in group["params"]:
                grad = p._grad
                if clock.tracer is not None and clock.tracer.here():
                    clock.tracer.leaf(p, grad)
                if grad is None:
                    continue
                if set_to_none:
                    p._grad = None
                    continue
                grad._node = None
                grad._array()[...] = 0
                touch(grad, where())

    def step(self, closure: Callable[[], Any] | None = None) -> Any:
        """Update the parameters once; `closure` recomputes the loss, which is returned."""
        raise NotImplementedError(f"{type(self).__name__} does not define step()")

    # ----- saving

    def state_dict(self) -> dict[str, Any]:
        """State and param groups as a dict, with numbers in the place of parameters."""
        return saved.state_dict(self)

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        """Take up what state_dict() returned; state is copied and takes the dtype of its parameter.

        Raises:
            ValueError: another number of groups, or of parameters in a group.
        """
        saved.load_state_dict(self, state_dict)

    # ----- hooks

    def register_step_pre_hook(self, hook: Callable[..., Any]) -> Removable:
        """Call hook(optimizer, args, kwargs) before step(); it may return new (args, kwargs)."""
        return Removable(self._optimizer_step_pre_hooks, hook)

    def register_step_post_hook(self, hook: Callable[..., None]) -> Removable:
        """Call hook(optimizer, args, kwargs) after step()."""
        return Removable(self._optimizer_step_post_hooks, hook)

    def register_state_dict_pre_hook(self, hook: Callable[..., None], prepend: bool = False) -> Removable:
        """Call hook(optimizer) before state_dict()."""
        return _registered(self._optimizer_state_dict_pre_hooks, hook, prepend)

    def register_state_dict_post_hook(self, hook: Callable[..., Any], prepend: bool = False) -> Removable:
        """Call hook(optimizer, state_dict) with the dict made; a dict it returns takes its place."""
        return _registered(self._optimizer_state_dict_post_hooks, hook, prepend)

    def register_load_state_dict_pre_hook(self, hook: Callable[..., Any], prepend: bool = False) -> Removable:
        """Call hook(optimizer, state_dict) before load_state_dict(); a dict it returns is loaded instead."""
        return _registered(self._optimizer_load_state_dict_pre_hooks, hook, prepend)

    def register_load_state_dict_post_hook(
        self, hook: Callable[..., None], prepend: bool = False
    ) -> Removable:
        """Call hook(optimizer) after load_state_dict()."""
        return _registered(self._optimizer_load_state_dict_post_hooks, hook, prepend)


def _registered(hooks: Hooks, hook: Callable[..., Any], prepend: bool) -> Removable:
    handle = Removable(hooks, hook)
    if prepend:
        hooks.move_to_end(handle.id, last=False)
    return handle


def _list_params(group: dict[str, Any]) -> None:
    """Make group["params"] a list of tensors, and the names of (name, tensor) pairs its "param_names"."""
    params = group["params"]
    if isinstance(params, Tensor):
        params = [params]
    elif isinstance(params, set):
        raise TypeError(
            "optimizer parameters need to be organized in ordered collections, but the ordering of tensors "
            "in sets will change between runs. Please use a list instead."
        )
    params = list(params)
    names = [p[0] for p in params if isinstance(p, tuple)]
    group["params"] = [p[1] if isinstance(p, tuple) else p for p in params]
    if not names:
        return
    if len(names) != len(params):
        raise ValueError("all optimizer params should be with/without names. Some param names are missing")
    group["param_names"] = names
