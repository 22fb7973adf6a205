"""Attributes of modules: what is assigned or registered becomes a parameter, a buffer or a submodule."""

from __future__ import annotations

from typing import Any

from .._structure import changed
from ..tensor import Tensor
from ._hooks import registered
from ._members import Members, typename
from .parameter import Buffer, Parameter

REGISTRIES = ("_parameters", "_buffers", "_modules")


class AttributeMethods:
    """The methods of Module that set, get and delete attributes. Every Module is one, and nothing else."""

    _parameters: dict[str, Any]
    _buffers: dict[str, Any]
    _modules: dict[str, Any]
    _non_persistent_buffers_set: set[str]

    def __setattr__(self, name: str, value: Any) -> None:
        changed()
        state = self.__dict__
        if not isinstance(value, (Tensor, AttributeMethods)):
            params = state.get("_parameters")
            if params is None or (
                name not in params
                and name not in state["_modules"]
                and name not in state["_buffers"]
                and name not in REGISTRIES
            ):
                super().__setattr__(name, value)
                return
        self._assign(name, value)

    def _assign(self, name: str, value: Any) -> None:
        """Set an attribute that is, or may be, a parameter, a buffer or a submodule."""
        state = self.__dict__
        params = state.get("_parameters")
        if isinstance(value, Parameter):
            if params is None:
                raise AttributeError("cannot assign parameters before Module.__init__() call")
            self._unregister(name, keep="_parameters")
            self.register_parameter(name, value)
        elif isinstance(value, AttributeMethods) and params is None:
            raise AttributeError("cannot assign module before Module.__init__() call")
        elif params is None:
            super().__setattr__(name, value)
        elif name in params:
            if value is not None:
                raise TypeError(
                    f"cannot assign '{typename(value)}' as parameter '{name}' (torch.nn.Parameter or None "
                    "expected)"
                )
            self.register_parameter(name, value)
        elif isinstance(value, AttributeMethods):
            self._unregister(name, keep="_modules")
            self._modules[name] = registered("module", self, name, value)
        elif name in self._modules:
            if value is not None:
                raise TypeError(
                    f"cannot assign '{typename(value)}' as child module '{name}' (torch.nn.Module or None "
                    "expected)"
                )
            self._modules[name] = registered("module", self, name, value)
        elif name in self._buffers or isinstance(value, Buffer):
            self._set_buffer(name, value)
        elif name in REGISTRIES:
            self._set_registry(name, value)
        else:
            super().__setattr__(name, value)

    def _set_buffer(self, name: str, value: Any) -> None:
        if value is not None and not isinstance(value, Tensor):
            raise TypeError(
                f"cannot assign '{typename(value)}' as buffer '{name}' (torch.nn.Buffer, torch.Tensor or "
                "None expected)"
            )
        if isinstance(value, Buffer):
            persistent = value.persistent
            self._unregister(name, keep="_buffers")
        else:
            persistent = name not in self._non_persistent_buffers_set
        if persistent:  # an overriding register_buffer(name, tensor) without the third argument is welcome
            self.register_buffer(name, value)
        else:
            self.register_buffer(name, value, persistent=False)

    def _set_registry(self, name: str, members: dict[str, Any]) -> None:
        """`self._modules = {...}`: the old members stop being attributes, the new ones become attributes."""
        for old in self.__dict__.get(name, ()):
            self.__dict__.pop(old, None)
        self.__dict__[name] = Members(self, members)

    def _unregister(self, name: str, keep: str) -> None:
        """Forget whatever else has that name, before it is registered anew."""
        state = self.__dict__
        for registry in REGISTRIES:
            if registry != keep:
                state[registry].pop(name, None)
        if keep != "_buffers":
            self._non_persistent_buffers_set.discard(name)
        if name not in state[keep]:
            state.pop(name, None)

    def __getattr__(self, name: str) -> Any:
        state = self.__dict__
        for registry in REGISTRIES:
            members = state.get(registry)
            if members is not None and name in members:
                return members[name]
        raise AttributeError(f"'{type(self).__name__}' object has no attribute '{name}'")

    def __delattr__(self, name: str) -> None:
        changed()
        for registry in REGISTRIES:
            if name in self.__dict__[registry]:
                del self.__dict__[registry][name]
                self._non_persistent_buffers_set.discard(name)
                return
        super().__delattr__(name)

    def __dir__(self) -> list[str]:
        names = {*dir(type(self)), *self.__dict__}
        return sorted(name for name in names if not name[:1].isdigit())

    def _check_name(self, kind: str, name: Any, registry: str) -> None:
        members = self.__dict__.get(registry)
        if members is None:
            raise AttributeError(f"cannot assign {kind} before Module.__init__() call")
        if not isinstance(name, str):
            raise TypeError(f"{kind} name should be a string. Got {typename(name)}")
        if kind == "module" and hasattr(self, name) and name not in members:
            raise KeyError(f"attribute '{name}' already exists")
        if "." in name:
            raise KeyError(f'{kind} name can\'t contain "."' + (f", got: {name}" if kind == "module" else ""))
        if name == "":
            raise KeyError(f'{kind} name can\'t be empty string ""')
        if hasattr(self, name) and name not in members:
            raise KeyError(f"attribute '{name}' already exists")

    def register_parameter(self, name: str, param: Parameter | None) -> None:
        """Make `param` a parameter of this module under `name`; None keeps the name for an absent one."""
        self._check_name("parameter", name, "_parameters")
        if param is not None:
            if not isinstance(param, Parameter):
                raise TypeError(
                    f"cannot assign '{typename(param)}' object to parameter '{name}' "
                    "(torch.nn.Parameter or None required)"
                )
            if param.grad_fn is not None:
                raise ValueError(
                    f"Cannot assign non-leaf Tensor to parameter '{name}'. Model parameters must be created "
                    f"explicitly. To express '{name}' as a function of another Tensor, compute the value in "
                    "the forward() method."
                )
            param = registered("parameter", self, name, param)
        self._parameters[name] = param

    def register_buffer(self, name: str, tensor: Tensor | None, persistent: bool = True) -> None:
        """Make `tensor` part of the state but not trained; state_dict() has it if it is `persistent`."""
        self._check_name("buffer", name, "_buffers")
        if tensor is not None and not isinstance(tensor, Tensor):
            raise TypeError(
                f"cannot assign '{typename(tensor)}' object to buffer '{name}' (torch Tensor or None "
                "required)"
            )
        self._buffers[name] = registered("buffer", self, name, tensor)
        if persistent:
            self._non_persistent_buffers_set.discard(name)
        else:
            self._non_persistent_buffers_set.add(name)

    def add_module(self, name: str, module: Any) -> None:
        """Make `module` a child of this one under `name`."""
        if module is not None and not isinstance(module, AttributeMethods):
            raise TypeError(f"{typename(module)} is not a Module subclass")
        self._check_name("module", name, "_modules")
        self._modules[name] = registered("module", self, name, module)

    def register_module(self, name: str, module: Any) -> None:
        """The same as add_module()."""
        self.add_module(name, module)
