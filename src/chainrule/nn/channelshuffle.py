"""Shuffling channels between groups."""

from __future__ import annotations

from ..tensor import Tensor
from . import functional as F
from .module import Module


class ChannelShuffle(Module):
    """(N, C, *) with the channels seen as (groups, C/groups) and transposed."""

    __constants__ = ["groups"]

    def __init__(self, groups: int) -> None:
        super().__init__()
        self.groups = groups

    def forward(self, input: Tensor) -> Tensor:
        return F.channel_shuffle(input, self.groups)

    def extra_repr(self) -> str:
        return f"groups={self.groups}"
