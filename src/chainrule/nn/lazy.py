"""LazyModuleMixin: modules whose parameters get their shapes from the first input."""

from __future__ import annotations

from typing import Any

from .parameter import is_lazy


class LazyModuleMixin:
    """Put before a Module class: its uninitialised parameters are made by `initialize_parameters(input)`.

    The first call runs it, then the module becomes an ordinary one of class `cls_to_become`.
    """

    cls_to_become: type[Any] | None = None

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        this: Any = self
        this._load_hook = this._register_load_state_dict_pre_hook(self._lazy_load_hook)
        this._initialize_hook = this.register_forward_pre_hook(self._infer_parameters, with_kwargs=True)

    def _own_tensors(self) -> list[tuple[str, Any]]:
        this: Any = self
        return [*this._parameters.items(), *this._buffers.items()]

    def _save_to_state_dict(self, destination: Any, prefix: str, keep_vars: bool) -> None:
        this: Any = self
        for name, value in self._own_tensors():
            if value is not None and name not in this._non_persistent_buffers_set:
                destination[prefix + name] = value if is_lazy(value) or keep_vars else value.detach()

    def _lazy_load_hook(self, state_dict: Any, prefix: str, *_: Any) -> None:
        for name, value in self._own_tensors():
            given = state_dict.get(prefix + name)
            if is_lazy(value) and given is not None and not is_lazy(given):
                value.materialize(given.shape)

    def initialize_parameters(self, *args: Any, **kwargs: Any) -> None:
        """Materialize the parameters for the first input; every lazy module defines it."""
        raise NotImplementedError(f"initialize_parameters is not implemented for {type(self).__name__}")

    def has_uninitialized_params(self) -> bool:
        """Whether some parameter or buffer still has no shape."""
        return any(is_lazy(value) for _, value in self._own_tensors())

    @staticmethod
    def _infer_parameters(module: Any, args: tuple[Any, ...], kwargs: dict[str, Any] | None = None) -> None:
        module.initialize_parameters(*args, **(kwargs or {}))
        if module.has_uninitialized_params():
            raise RuntimeError(f"module {module._get_name()} has not been fully initialized")
        module._initialize_hook.remove()
        module._load_hook.remove()
        del module._initialize_hook, module._load_hook
        if module.cls_to_become is not None:
            module.__class__ = module.cls_to_become
