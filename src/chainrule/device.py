"""Devices: there is one, the CPU; asking for another fails with PyTorch's own words."""

from __future__ import annotations

from typing import Any

_KNOWN = {
    "cpu", "cuda", "hpu", "ipu", "meta", "mkldnn", "mps", "mtia", "privateuseone", "vulkan", "xla", "xpu",
}  # fmt: skip


class device:
    """Where a tensor lives: always `device(type='cpu')`; `with device("cpu"):` is accepted.

    >>> device("cpu")
    device(type='cpu')
    """

    __slots__ = ("index", "type")

    type: str
    index: int | None

    def __init__(self, type: Any = "cpu", index: int | None = None) -> None:
        if isinstance(type, device):
            self.type, self.index = type.type, type.index
            return
        if isinstance(type, int):
            self.type, self.index = "cuda", type
            return
        name, _, number = str(type).partition(":")
        if name not in _KNOWN:
            raise RuntimeError(
                "Expected one of cpu, cuda, ipu, xpu, mkldnn, opengl, opencl, ideep, hip, ve, fpga, maia, "
                "xla, lazy, vulkan, mps, meta, hpu, mtia, privateuseone device type at start of device "
                f"string: {name}"
            )
        if number and not number.isdigit():
            raise RuntimeError(f"Invalid device string: '{type}'")
        self.type = name
        self.index = int(number) if number else index

    def __repr__(self) -> str:
        at = "" if self.index is None else f", index={self.index}"
        return f"device(type='{self.type}'{at})"

    def __str__(self) -> str:
        return self.type if self.index is None else f"{self.type}:{self.index}"

    def __eq__(self, other: object) -> bool:
        return isinstance(other, device) and (self.type, self.index) == (other.type, other.index)

    def __hash__(self) -> int:
        return hash((self.type, self.index))

    def __reduce__(self) -> Any:
        return device, (self.type, self.index)

    def __enter__(self) -> device:
        require_cpu(self)
        return self

    def __exit__(self, *exc: object) -> None:
        return None


def require_cpu(where: Any) -> None:
    """Refuse any device but the CPU, in the words PyTorch uses where it was built without it."""
    if where is None:
        return
    wanted = where if isinstance(where, device) else device(where)
    if wanted.type == "cpu":
        return
    if wanted.type == "cuda":
        raise AssertionError("Torch not compiled with CUDA enabled")
    raise RuntimeError(
        f"PyTorch is not linked with support for {wanted.type} devices: chainrule computes on the CPU. Use "
        f"device='cpu', or choose the device by torch.cuda.is_available()."
    )
