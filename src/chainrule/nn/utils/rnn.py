"""Sequences of different lengths: padded, and packed step by step."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any, NamedTuple

import numpy as np

from ...functional.api import shaping
from ...functional.join import cat, stack
from ...tensor import Tensor

__all__ = [
    "PackedSequence", "invert_permutation", "pack_padded_sequence", "pack_sequence", "pad_packed_sequence",
    "pad_sequence", "unpack_sequence", "unpad_sequence",
]  # fmt: skip


class _Packed(NamedTuple):
    data: Tensor
    batch_sizes: Tensor
    sorted_indices: Tensor | None
    unsorted_indices: Tensor | None


class PackedSequence(_Packed):
    """Sequences of different lengths, longest first, as `data`: all first steps, all second steps, …

    `batch_sizes[t]` is how many sequences have a step t. Made by pack_padded_sequence and pack_sequence.
    """

    __slots__ = ()

    def __new__(
        cls, data: Any, batch_sizes: Tensor | None = None, sorted_indices: Tensor | None = None,
        unsorted_indices: Tensor | None = None,
    ) -> PackedSequence:  # fmt: skip
        if batch_sizes is None:
            if not isinstance(data, (list, tuple)) or len(data) != 2:
                raise AssertionError("Expected data to be a list or tuple of length 2")
            data, batch_sizes = data
        if unsorted_indices is None:
            unsorted_indices = invert_permutation(sorted_indices)
        return super().__new__(cls, data, batch_sizes, sorted_indices, unsorted_indices)

    def to(self, *args: Any, **kwargs: Any) -> PackedSequence:
        """The same sequences in another dtype."""
        data = self.data.to(*args, **kwargs)
        if data is self.data:
            return self
        return PackedSequence(data, self.batch_sizes, self.sorted_indices, self.unsorted_indices)

    def cpu(self) -> PackedSequence:
        """The packed sequence itself: it is on the CPU already."""
        return self

    def double(self) -> PackedSequence:
        """The same sequences in float64."""
        return self.to(dtype=np.float64)

    def float(self) -> PackedSequence:
        """The same sequences in float32."""
        return self.to(dtype=np.float32)

    @property
    def is_cuda(self) -> bool:
        return False


def _ints(values: Any) -> Tensor:
    return Tensor._wrap(np.array(values, np.int64))


def invert_permutation(permutation: Tensor | None) -> Tensor | None:
    """The permutation that undoes `permutation`; None for None."""
    return None if permutation is None else permutation.argsort()


def _lengths(given: Any, batch: int, steps: int) -> Any:
    lengths = np.array(
        shaping("pack sequences of lengths that a tensor says", given)
        if isinstance(given, Tensor)
        else given,
        np.int64,
    )
    if lengths.shape != (batch,):
        raise RuntimeError(
            f"Expected `len(lengths)` to be equal to batch_size, but got {lengths.size} (batch_size={batch})"
        )
    if (lengths <= 0).any():
        raise RuntimeError(
            "Length of all samples has to be greater than 0, but found an element in 'lengths' that is <= 0"
        )
    if lengths.max() > steps:
        raise RuntimeError(f"lengths has {lengths.max()}, but the padded sequences have only {steps} steps")
    return lengths


def pack_padded_sequence(
    input: Tensor, lengths: Any, batch_first: bool = False, enforce_sorted: bool = True
) -> PackedSequence:
    """Pack (T, N, *) ((N, T, *) with batch_first) without the padding: sequence i has lengths[i] steps.

    With enforce_sorted=False the sequences may come in any order; recurrent layers put them back.
    """
    steps: Any = input.transpose(0, 1) if batch_first else input
    counts = _lengths(lengths, steps.shape[1], steps.shape[0])
    order = None
    if enforce_sorted:
        if (np.diff(counts) > 0).any():
            raise RuntimeError(
                "`lengths` array must be sorted in decreasing order when `enforce_sorted` is True. You can "
                "pass `enforce_sorted=False` to pack_padded_sequence and/or pack_sequence to sidestep this "
                "requirement if you do not need ONNX exportability."
            )
    else:
        order = Tensor._wrap(np.argsort(-counts, kind="stable"))
        counts = counts[order._a]
        steps = steps.index_select(1, order)
    sizes = [int((counts > t).sum()) for t in range(int(counts[0]))]
    data = cat([steps[t, :n] for t, n in enumerate(sizes)])
    return PackedSequence(data, _ints(sizes), order, None)


def pad_packed_sequence(
    sequence: PackedSequence,
    batch_first: bool = False,
    padding_value: float = 0.0,
    total_length: int | None = None,
) -> tuple[Tensor, Tensor]:
    """(the padded sequences (T, N, *), their lengths (N)): the inverse of pack_padded_sequence."""
    sizes: list[int] = sequence.batch_sizes.tolist()
    steps = len(sizes)
    if total_length is not None:
        if total_length < steps:
            raise ValueError(
                "Expected total_length to be at least the length of the longest sequence in input, but got "
                f"total_length={total_length} and max sequence length being {steps}"
            )
        steps = total_length
    data, batch = sequence.data, sizes[0]
    rows = []
    for part in data.split(sizes):
        missing = batch - part.shape[0]
        rows.append(
            cat((part, _padding((missing, *part.shape[1:]), padding_value, data))) if missing else part
        )
    rows += [_padding((batch, *data.shape[1:]), padding_value, data)] * (steps - len(sizes))
    padded = stack(rows)
    lengths = _ints([sum(n > i for n in sizes) for i in range(batch)])
    if sequence.unsorted_indices is not None:
        padded = padded.index_select(1, sequence.unsorted_indices)
        lengths = lengths.index_select(0, sequence.unsorted_indices)
    return (padded.transpose(0, 1) if batch_first else padded), lengths


def _padding(shape: tuple[int, ...], value: float, like: Tensor) -> Tensor:
    return Tensor._wrap(np.full(shape, value, like._a.dtype))


def pad_sequence(
    sequences: Any, batch_first: bool = False, padding_value: float = 0.0, padding_side: str = "right"
) -> Tensor:
    """Stack sequences (Lᵢ, *) to (T, N, *), or (N, T, *) with batch_first, padded to the longest.

    >>> import chainrule as cr
    >>> pad_sequence([cr.tensor([1, 2, 3]), cr.tensor([4])], batch_first=True)
    tensor([[1, 2, 3],
            [4, 0, 0]])
    """
    if not isinstance(sequences, Iterable):
        raise RuntimeError(
            f"pad_sequence: Expected iterable for input sequences, but got arg of type: {type(sequences)}"
        )
    if padding_side not in ("left", "right"):
        raise RuntimeError(f"Expected padding_side to be one of left or right, but got {padding_side}.")
    items: Sequence[Tensor] = tuple(sequences)
    if not items:
        raise RuntimeError("received an empty list of sequences")
    longest = max(s.shape[0] for s in items)
    padded = []
    for s in items:
        missing = longest - s.shape[0]
        if missing:
            rest = _padding((missing, *s.shape[1:]), padding_value, s)
            s = cat((s, rest) if padding_side == "right" else (rest, s))
        padded.append(s)
    return stack(padded, 0 if batch_first else 1)


def unpad_sequence(padded_sequences: Tensor, lengths: Tensor, batch_first: bool = False) -> list[Tensor]:
    """The sequences without their padding: the inverse of pad_sequence."""
    rows = padded_sequences if batch_first else padded_sequences.transpose(0, 1)
    return [row[:n] for row, n in zip(rows.unbind(0), lengths.tolist())]


def pack_sequence(sequences: Sequence[Tensor], enforce_sorted: bool = True) -> PackedSequence:
    """Pack sequences (Lᵢ, *), longest first unless enforce_sorted=False."""
    lengths = [s.shape[0] for s in sequences]
    return pack_padded_sequence(pad_sequence(sequences), lengths, enforce_sorted=enforce_sorted)


def unpack_sequence(packed_sequences: PackedSequence) -> list[Tensor]:
    """The sequences of a PackedSequence: the inverse of pack_sequence."""
    padded, lengths = pad_packed_sequence(packed_sequences, batch_first=True)
    return unpad_sequence(padded, lengths, batch_first=True)
