"""Hooks of modules: around forward and backward, of one module or of all, and when members are registered."""

from __future__ import annotations

import warnings
from collections import OrderedDict
from collections.abc import Callable
from typing import Any

from ..autograd.tape import Removable
from ..tensor import Tensor
from ._backward_hooks import BackwardHook, attach_to_grad_fn

Hook = Callable[..., Any]
Table = OrderedDict[int, Hook]

__all__ = [
    "register_module_backward_hook", "register_module_buffer_registration_hook",
    "register_module_forward_hook", "register_module_forward_pre_hook", "register_module_full_backward_hook",
    "register_module_full_backward_pre_hook", "register_module_module_registration_hook",
    "register_module_parameter_registration_hook",
]  # fmt: skip


ACTIVE: dict[
    int, Any
] = {}  # an entry for each hook of all modules, so that a call need look at one table only


class _Everywhere:
    """The hooks of all modules."""

    def __init__(self) -> None:
        self.forward_pre: Table = OrderedDict()
        self.forward: Table = OrderedDict()
        self.forward_with_kwargs: dict[int, bool] = {}
        self.forward_always: dict[int, bool] = {}
        self.backward_pre: Table = OrderedDict()
        self.backward: Table = OrderedDict()
        self.full_backward: bool | None = None
        self.registration: dict[str, Table] = {
            "parameter": OrderedDict(), "buffer": OrderedDict(), "module": OrderedDict(),
        }  # fmt: skip


everywhere = _Everywhere()


def registered(kind: str, module: Any, name: str, value: Any) -> Any:
    """The value to register: what the registration hooks for parameters, buffers or modules make of it."""
    for hook in everywhere.registration[kind].values():
        output = hook(module, name, value)
        if output is not None:
            value = output
    return value


def _global(table: Table, hook: Hook, *others: dict[int, Any]) -> Removable:
    handle = Removable(table, hook, ACTIVE, *others)
    ACTIVE[handle.id] = True
    return handle


def register_module_buffer_registration_hook(hook: Hook) -> Removable:
    """Call hook(module, name, buffer) whenever a buffer is registered; it may return another."""
    return Removable(everywhere.registration["buffer"], hook)


def register_module_module_registration_hook(hook: Hook) -> Removable:
    """Call hook(module, name, submodule) whenever a submodule is registered; it may return another."""
    return Removable(everywhere.registration["module"], hook)


def register_module_parameter_registration_hook(hook: Hook) -> Removable:
    """Call hook(module, name, param) whenever a parameter is registered; it may return another."""
    return Removable(everywhere.registration["parameter"], hook)


def register_module_forward_pre_hook(hook: Hook) -> Removable:
    """Call hook(module, args) before the forward of every module; a returned value replaces the arguments."""
    return _global(everywhere.forward_pre, hook)


def register_module_forward_hook(
    hook: Hook, *, with_kwargs: bool = False, always_call: bool = False
) -> Removable:
    """Call hook(module, args, output) after the forward of every module; it may return a new output."""
    handle = _global(everywhere.forward, hook, everywhere.forward_with_kwargs, everywhere.forward_always)
    if with_kwargs:
        everywhere.forward_with_kwargs[handle.id] = True
    if always_call:
        everywhere.forward_always[handle.id] = True
    return handle


def _global_backward(hook: Hook, full: bool) -> Removable:
    if everywhere.full_backward is (not full):
        raise RuntimeError(
            "Cannot use both regular backward hooks and full backward hooks as a global Module hook. Please "
            "use only one of them."
        )
    everywhere.full_backward = full
    return _global(everywhere.backward, hook)


def register_module_backward_hook(hook: Hook) -> Removable:
    """Deprecated: hook(module, grad_input, grad_output) on the last operation of every module."""
    return _global_backward(hook, False)


def register_module_full_backward_hook(hook: Hook) -> Removable:
    """Call hook(module, grad_input, grad_output) when the gradients of any module's inputs are known."""
    return _global_backward(hook, True)


def register_module_full_backward_pre_hook(hook: Hook) -> Removable:
    """Call hook(module, grad_output) before backward enters any module; it may return a new one."""
    return _global(everywhere.backward_pre, hook)


class HookMethods:
    """The methods of Module that register hooks on it."""

    _hooked: bool = False  # set by the first hook: from then on a call looks at the tables
    _is_full_backward_hook: bool | None
    _forward_hooks: Table
    _forward_hooks_with_kwargs: dict[int, bool]
    _forward_hooks_always_called: dict[int, bool]
    _forward_pre_hooks: Table
    _forward_pre_hooks_with_kwargs: dict[int, bool]
    _backward_hooks: Table
    _backward_pre_hooks: Table

    def _hook(self, table: Table, hook: Hook, prepend: bool, *others: dict[int, Any]) -> Removable:
        self._hooked = True
        handle = Removable(table, hook, *others)
        if prepend:
            table.move_to_end(handle.id, last=False)
        return handle

    def register_forward_pre_hook(
        self, hook: Hook, *, prepend: bool = False, with_kwargs: bool = False
    ) -> Removable:
        """Call hook(module, args) (with_kwargs: hook(module, args, kwargs)) before forward."""
        handle = self._hook(self._forward_pre_hooks, hook, prepend, self._forward_pre_hooks_with_kwargs)
        if with_kwargs:
            self._forward_pre_hooks_with_kwargs[handle.id] = True
        return handle

    def register_forward_hook(
        self, hook: Hook, *, prepend: bool = False, with_kwargs: bool = False, always_call: bool = False
    ) -> Removable:
        """Call hook(module, args, output) after forward; a returned value replaces the output.

        With `with_kwargs` it is hook(module, args, kwargs, output); `always_call` runs it on errors too.
        """
        handle = self._hook(
            self._forward_hooks,
            hook,
            prepend,
            self._forward_hooks_with_kwargs,
            self._forward_hooks_always_called,
        )
        if with_kwargs:
            self._forward_hooks_with_kwargs[handle.id] = True
        if always_call:
            self._forward_hooks_always_called[handle.id] = True
        return handle

    def register_full_backward_pre_hook(self, hook: Hook, prepend: bool = False) -> Removable:
        """Call hook(module, grad_output) before backward enters this module; it may return a new one."""
        return self._hook(self._backward_pre_hooks, hook, prepend)

    def register_full_backward_hook(self, hook: Hook, prepend: bool = False) -> Removable:
        """Call hook(module, grad_input, grad_output) when both are known; it may return a new grad_input."""
        self._choose_backward(True)
        return self._hook(self._backward_hooks, hook, prepend)

    def register_backward_hook(self, hook: Hook) -> Removable:
        """Deprecated: hook(module, grad_input, grad_output) on this module's last operation only."""
        self._choose_backward(False)
        return self._hook(self._backward_hooks, hook, False)

    def _choose_backward(self, full: bool) -> None:
        if self._is_full_backward_hook is (not full):
            raise RuntimeError(
                "Cannot use both regular backward hooks and full backward hooks on a single Module. Please "
                "use only one of them."
            )
        self._is_full_backward_hook = full


# ----- a call with hooks


def call_hooked(module: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
    """forward() with every hook around it, in PyTorch's order: global before the module's own."""
    ran: set[int] = set()
    call = {"args": args, "kwargs": kwargs, "result": None}
    try:
        return _call(module, call, ran)
    except Exception:
        _run_always_called(module, call, ran)
        raise


def _call(module: Any, call: dict[str, Any], ran: set[int]) -> Any:
    _run_pre_hooks(module, call)
    full, partial = _backward_hooks(module)
    pre = [*everywhere.backward_pre.values(), *module._backward_pre_hooks.values()]
    around = BackwardHook(module, full, pre) if full or pre else None
    if around is not None:
        call["args"] = around.on_inputs(call["args"])
    call["result"] = module.forward(*call["args"], **call["kwargs"])
    for key, hook in (*everywhere.forward.items(), *module._forward_hooks.items()):
        if key in module._forward_hooks_always_called or key in everywhere.forward_always:
            ran.add(key)
        _run_forward_hook(module, key, hook, call)
    result = call["result"]
    if around is not None:
        if not isinstance(result, (Tensor, tuple)):
            warnings.warn(
                "For backward hooks to be called, module output should be a Tensor or a tuple of Tensors but "
                f"received {type(result)}",
                stacklevel=4,
            )
        result = around.on_outputs(result)
    if partial:
        attach_to_grad_fn(module, partial, call["args"], result)
    return result


def _run_pre_hooks(module: Any, call: dict[str, Any]) -> None:
    for key, hook in (*everywhere.forward_pre.items(), *module._forward_pre_hooks.items()):
        if key in module._forward_pre_hooks_with_kwargs:
            both = hook(module, call["args"], call["kwargs"])
            if both is None:
                continue
            if not (isinstance(both, tuple) and len(both) == 2):
                raise RuntimeError(
                    f"forward pre-hook must return None or a tuple of (new_args, new_kwargs), but got {both}."
                )
            call["args"], call["kwargs"] = both
        else:
            args = hook(module, call["args"])
            if args is not None:
                call["args"] = args if isinstance(args, tuple) else (args,)


def _run_forward_hook(module: Any, key: int, hook: Hook, call: dict[str, Any]) -> None:
    if key in module._forward_hooks_with_kwargs or key in everywhere.forward_with_kwargs:
        output = hook(module, call["args"], call["kwargs"], call["result"])
    else:
        output = hook(module, call["args"], call["result"])
    if output is not None:
        call["result"] = output


def _backward_hooks(module: Any) -> tuple[list[Hook], list[Hook]]:
    """The full backward hooks and the deprecated ones."""
    found: dict[bool, list[Hook]] = {True: [], False: []}
    if everywhere.full_backward is not None:
        found[everywhere.full_backward] += everywhere.backward.values()
    if module._is_full_backward_hook is not None:
        found[module._is_full_backward_hook] += module._backward_hooks.values()
    return found[True], found[False]


def _run_always_called(module: Any, call: dict[str, Any], ran: set[int]) -> None:
    """After an exception: the hooks that asked to be called always and have not been yet."""
    for always, hooks, whose in (
        (everywhere.forward_always, everywhere.forward, "global module"),
        (module._forward_hooks_always_called, module._forward_hooks, "module"),
    ):
        for key, hook in list(hooks.items()):
            if key not in always or key in ran:
                continue
            try:
                _run_forward_hook(module, key, hook, call)
            except Exception as error:
                warnings.warn(
                    f"{whose} forward hook with ``always_call=True`` raised an exception that was silenced "
                    f"as another error was raised in forward: {error}",
                    stacklevel=4,
                )
