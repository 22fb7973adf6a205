"""Classes that print under PyTorch's name: lessons print type(x), and it should read as they expect."""

from __future__ import annotations


class TorchNamed(type):
    """The type of classes that carry a `torch_name` of their own; subclasses print as usual."""

    def __repr__(cls) -> str:
        name = cls.__dict__.get("torch_name")
        return super().__repr__() if name is None else f"<class '{name}'>"
