"""Saving and loading a module's state: state_dict, load_state_dict and their hooks."""

from __future__ import annotations

import weakref
from collections import OrderedDict
from collections.abc import Callable, Mapping
from functools import update_wrapper
from typing import Any, NamedTuple

from ..autograd.mode import no_grad
from ..autograd.tape import Removable
from ..tensor import Tensor
from .parameter import Parameter, is_lazy

Hook = Callable[..., Any]
_EXTRA_STATE = "_extra_state"


class _Keys(NamedTuple):
    missing_keys: list[str]
    unexpected_keys: list[str]


class _IncompatibleKeys(_Keys):
    """The keys that load_state_dict did not find, and those it did not expect."""

    __slots__ = ()

    def __repr__(self) -> str:
        if not self.missing_keys and not self.unexpected_keys:
            return "<All keys matched successfully>"
        return (
            f"_IncompatibleKeys(missing_keys={self.missing_keys!r}, unexpected_keys={self.unexpected_keys!r})"
        )

    __str__ = __repr__


class _WithModule:
    """A hook that is given its module first, which it does not keep alive."""

    def __init__(self, hook: Hook, module: Any) -> None:
        update_wrapper(self, hook)
        self.hook = hook
        self.module: Callable[[], Any] = weakref.ref(module)

    def __call__(self, *args: Any) -> Any:
        module = self.module()
        if module is None:
            raise RuntimeError("You are trying to call the hook of a dead Module!")
        return self.hook(module, *args)

    def __reduce__(self) -> Any:
        return _WithModule, (self.hook, self.module())


class StateMethods:
    """The methods of Module around state dicts."""

    _version: int = 1
    _parameters: dict[str, Any]
    _buffers: dict[str, Any]
    _modules: dict[str, Any]
    _non_persistent_buffers_set: set[str]
    _state_dict_hooks: OrderedDict[int, Hook]
    _state_dict_pre_hooks: OrderedDict[int, Hook]
    _load_state_dict_pre_hooks: OrderedDict[int, Hook]
    _load_state_dict_post_hooks: OrderedDict[int, Hook]

    def get_extra_state(self) -> Any:
        """What else to save in the state dict; override it together with set_extra_state."""
        raise RuntimeError(
            "Reached a code path in Module.get_extra_state() that should never be called: override "
            "get_extra_state() in your module before calling it."
        )

    def set_extra_state(self, state: Any) -> None:
        """Take back what get_extra_state returned; override it together with get_extra_state."""
        raise RuntimeError(
            "Reached a code path in Module.set_extra_state() that should never be called: override "
            "set_extra_state() in your module before calling it."
        )

    # ----- saving

    def state_dict(
        self, *args: Any, destination: Any = None, prefix: str = "", keep_vars: bool = False
    ) -> dict[str, Any]:
        """The parameters and persistent buffers by name, detached (unless `keep_vars`) but sharing memory.

        >>> import chainrule as cr
        >>> list(cr.nn.Linear(2, 1).state_dict())
        ['weight', 'bias']
        """
        given = (*args, *(None, "", False)[len(args) :])
        destination = given[0] if destination is None else destination
        prefix, keep_vars = prefix or given[1], keep_vars or given[2]
        if destination is None:
            destination = OrderedDict()
            destination._metadata = OrderedDict()
        metadata = {"version": self._version}
        if hasattr(destination, "_metadata"):
            destination._metadata[prefix[:-1]] = metadata
        for hook in self._state_dict_pre_hooks.values():
            hook(self, prefix, keep_vars)
        self._save_to_state_dict(destination, prefix, keep_vars)
        for name, module in self._modules.items():
            if module is not None:
                module.state_dict(destination=destination, prefix=f"{prefix}{name}.", keep_vars=keep_vars)
        for hook in self._state_dict_hooks.values():
            changed = hook(self, destination, prefix, metadata)
            if changed is None:
                continue
            if getattr(hook, "_from_public_api", False):
                raise RuntimeError("state_dict post-hook must return None")
            destination = changed
        return destination

    def _save_to_state_dict(self, destination: Any, prefix: str, keep_vars: bool) -> None:
        """Put this module's own state, not its children's, into `destination`."""
        for name, param in self._parameters.items():
            if param is not None:
                destination[prefix + name] = param if keep_vars else param.detach()
        for name, buffer in self._buffers.items():
            if buffer is not None and name not in self._non_persistent_buffers_set:
                destination[prefix + name] = buffer if keep_vars else buffer.detach()
        if type(self).get_extra_state is not StateMethods.get_extra_state:
            destination[prefix + _EXTRA_STATE] = self.get_extra_state()

    # ----- loading

    def load_state_dict(
        self, state_dict: Mapping[str, Any], strict: bool = True, assign: bool = False
    ) -> _IncompatibleKeys:
        """Copy the values of `state_dict` into this module and its children (`assign`: take the tensors).

        Raises RuntimeError that lists every missing key, unexpected key and size mismatch.
        """
        if not isinstance(state_dict, Mapping):
            raise TypeError(f"Expected state_dict to be dict-like, got {type(state_dict)}.")
        metadata = getattr(state_dict, "_metadata", None)
        state: Any = OrderedDict(state_dict)
        if metadata is not None:
            state._metadata = metadata
        keys = _IncompatibleKeys([], [])
        errors: list[str] = []
        _load(self, state, "", metadata or {}, assign, keys, errors)
        if strict:
            for kind, names in (("Unexpected", keys.unexpected_keys), ("Missing", keys.missing_keys)):
                if names:
                    listed = ", ".join(f'"{k}"' for k in names)
                    errors.insert(0, f"{kind} key(s) in state_dict: {listed}. ")
        if errors:
            listed = "\n\t".join(errors)
            raise RuntimeError(f"Error(s) in loading state_dict for {type(self).__name__}:\n\t{listed}")
        return keys

    def _load_from_state_dict(
        self, state_dict: Any, prefix: str, local_metadata: dict[str, Any], strict: bool,
        missing_keys: list[str], unexpected_keys: list[str], error_msgs: list[str],
    ) -> None:  # fmt: skip
        """Load this module's own state, not its children's; what does not fit goes into the three lists."""
        given = (state_dict, prefix, local_metadata, strict, missing_keys, unexpected_keys, error_msgs)
        for hook in self._load_state_dict_pre_hooks.values():
            hook(*given)
        kept = {k: v for k, v in self._buffers.items() if k not in self._non_persistent_buffers_set}
        local = {k: v for k, v in (*self._parameters.items(), *kept.items()) if v is not None}
        assign = local_metadata.get("assign_to_params_buffers", False)
        for name, param in local.items():
            key = prefix + name
            if key in state_dict:
                error = _take(self, name, param, key, state_dict[key], assign)
                if error:
                    error_msgs.append(error)
            elif strict:
                missing_keys.append(key)
        extra = prefix + _EXTRA_STATE
        if type(self).set_extra_state is not StateMethods.set_extra_state:
            if extra in state_dict:
                self.set_extra_state(state_dict[extra])
            elif strict:
                missing_keys.append(extra)
        elif strict and extra in state_dict:
            unexpected_keys.append(extra)
        if strict:
            for key in state_dict:
                if key.startswith(prefix) and key != extra:
                    first, dot, _ = key[len(prefix) :].partition(".")
                    if first not in (self._modules if dot else local):
                        unexpected_keys.append(key)

    # ----- hooks

    def register_state_dict_pre_hook(self, hook: Hook) -> Removable:
        """Call hook(module, prefix, keep_vars) before state_dict() collects."""
        return Removable(self._state_dict_pre_hooks, hook)

    def register_state_dict_post_hook(self, hook: Any) -> Removable:
        """Call hook(module, state_dict, prefix, local_metadata) after state_dict(), to change it in place."""
        hook._from_public_api = True
        return Removable(self._state_dict_hooks, hook)

    def _register_state_dict_hook(self, hook: Hook) -> Removable:
        if getattr(hook, "_from_public_api", False):
            raise RuntimeError(
                "Cannot register the same function as the state dict post hook that was previously "
                "registered via register_state_dict_post_hook"
            )
        return Removable(self._state_dict_hooks, hook)

    def register_load_state_dict_pre_hook(self, hook: Hook) -> Removable:
        """Call hook(module, *arguments of _load_from_state_dict) before this module loads."""
        return self._register_load_state_dict_pre_hook(hook, with_module=True)

    def _register_load_state_dict_pre_hook(self, hook: Hook, with_module: bool = False) -> Removable:
        return Removable(self._load_state_dict_pre_hooks, _WithModule(hook, self) if with_module else hook)

    def register_load_state_dict_post_hook(self, hook: Hook) -> Removable:
        """Call hook(module, incompatible_keys) after loading; it may change the two lists in place."""
        return Removable(self._load_state_dict_post_hooks, hook)


def _load(
    module: Any,
    state: Any,
    prefix: str,
    metadata: Any,
    assign: bool,
    keys: _IncompatibleKeys,
    errors: list[str],
) -> None:
    """Load a module, then its children, each with its part of the state."""
    local = dict(metadata.get(prefix[:-1], {}))
    if assign:
        local["assign_to_params_buffers"] = assign
    module._load_from_state_dict(state, prefix, local, True, keys.missing_keys, keys.unexpected_keys, errors)
    for name, child in module._modules.items():
        if child is not None:
            start = f"{prefix}{name}."
            part = OrderedDict((k, v) for k, v in state.items() if k.startswith(start))
            _load(child, part, start, metadata, assign, keys, errors)
    for hook in module._load_state_dict_post_hooks.values():
        if hook(module, keys) is not None:
            raise AssertionError(
                "Hooks registered with ``register_load_state_dict_post_hook`` are not expected to return new "
                "values, if incompatible_keys need to be modified, it should be done inplace."
            )


def _take(module: Any, name: str, param: Any, key: str, value: Any, assign: bool) -> str:
    """Give one parameter or buffer the loaded value; the error's text if it does not fit."""
    if not isinstance(value, Tensor):
        return (
            f'While copying the parameter named "{key}", expected torch.Tensor or Tensor-like object from '
            f"checkpoint but received {type(value)}"
        )
    lazy = is_lazy(param)
    if not lazy:
        if param.ndim == 0 and value.shape == (1,):  # how PyTorch 0.3 saved scalars
            value = value.reshape(())
        if value.shape != param.shape:
            return (
                f"size mismatch for {key}: copying a param with shape {value.shape} from checkpoint, the "
                f"shape in current model is {param.shape}."
            )
    try:
        with no_grad():
            if assign:
                setattr(module, name, _replacement(param, value))
            else:
                param.copy_(value)
    except Exception as error:
        return (
            f'While copying the parameter named "{key}", whose dimensions in the model are {param.size()} '
            f"and "
            f"whose dimensions in the checkpoint are {value.size()}, an exception occurred : {error.args}."
        )
    return ""


def _replacement(param: Any, value: Any) -> Any:
    """The loaded tensor itself, as a Parameter that requires a gradient exactly if the old one did."""
    if not isinstance(param, Parameter):
        return value
    if isinstance(value, Parameter):
        return value.requires_grad_(param.requires_grad)
    return Parameter(value, param.requires_grad)
