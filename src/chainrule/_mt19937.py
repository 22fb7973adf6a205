"""The MT19937 engine: PyTorch's seeding, word order and state layout on NumPy's bit generator."""

from __future__ import annotations

import ctypes
import math
import os
from collections.abc import Iterator
from typing import Any

import numpy as np
from numpy.typing import NDArray

from .errors import message

DEFAULT_SEED = 67280421310721
STATE_BYTES = 5056
_STATE_FIX = "pass the unchanged bytes that get_state() gave"
_N = 624

# PyTorch's serialised generator: Torch's C struct with 64-bit state words, then the float normal cache.
_STATE = np.dtype(
    [
        ("seed", "<u8"),
        ("left", "<i4"),
        ("seeded", "<i4"),
        ("next", "<u8"),
        ("key", "<u8", (_N,)),
        ("normal_x", "<f8"),
        ("normal_y", "<f8"),
        ("normal_rho", "<f8"),
        ("normal_is_valid", "<i4"),
        ("pad0", "V4"),
        ("next_float", "<f4"),
        ("next_float_valid", "?"),
        ("pad1", "V3"),
    ]
)


class Generator:
    """A source of random numbers that gives PyTorch's CPU values, bit for bit, for the same seed.

    Raises RuntimeError for a device other than "cpu".

    >>> Generator().manual_seed(0).random32(2).tolist()
    [2357136044, 2546248239]
    """

    __slots__ = ("_bits", "_fresh", "_legacy", "_made", "_next_float", "_seed", "device", "next_normal")

    def __init__(self, device: Any = "cpu") -> None:
        if str(device).partition(":")[0] != "cpu":
            raise RuntimeError(
                message(
                    f"Cannot get a generator for device '{device}'",
                    came=f"device {device!r}",
                    expected="'cpu', where chainrule computes",
                    fix="use Generator()",
                )
            )
        self.device: Any = "cpu"
        self._made = False
        self._seed = DEFAULT_SEED
        self._fresh = True
        self.next_normal: float | None = None
        self._next_float: float | None = None

    def __getattr__(self, name: str) -> Any:
        """The engine itself, on first use: numpy.random takes longer to import than most of this package."""
        if name not in ("_bits", "_legacy"):
            raise AttributeError(f"'Generator' object has no attribute {name!r}")
        self._bits = np.random.MT19937(0)
        self._legacy = np.random.RandomState(self._bits)
        self._legacy.seed(self._seed & 0xFFFFFFFF)
        self._made = True
        return getattr(self, name)

    def _reseed(self, seed: int) -> None:
        if self._made:
            self._legacy.seed(seed & 0xFFFFFFFF)
        self._seed = seed
        # A seeded but unused engine serialises next = 0; an exhausted block, otherwise equal, next = 624.
        self._fresh = True
        self.next_normal = None
        self._next_float = None

    def manual_seed(self, seed: int) -> Generator:
        """Seed the engine; a negative seed s means s + 2^64. Returns the generator itself.

        Raises RuntimeError for a seed that is not an integer, ValueError outside [-2^63, 2^64 - 1].

        >>> Generator().manual_seed(-1).initial_seed()
        18446744073709551615
        """
        if isinstance(seed, (bool, np.bool_)) or not isinstance(seed, (int, np.integer)):
            raise RuntimeError(
                message(
                    f"manual_seed expected a long, but got {type(seed).__name__}",
                    came=repr(seed),
                    expected="an integer",
                    fix="convert it, as in manual_seed(int(seed))",
                )
            )
        value = int(seed)
        if not -(2**63) <= value < 2**64:
            raise ValueError(
                message(
                    "Overflow when unpacking long long",
                    came=f"seed {value}",
                    expected="-2**63 <= seed <= 2**64 - 1",
                    fix="pass a smaller seed",
                )
            )
        self._reseed(value % 2**64)
        return self

    def seed(self) -> int:
        """Seed the engine from the operating system's entropy and return that 64-bit seed.

        >>> g = Generator(); g.seed() == g.initial_seed()
        True
        """
        self._reseed(int.from_bytes(os.urandom(8), "little"))
        return self._seed

    def initial_seed(self) -> int:
        """The seed last set, by `manual_seed`, `seed` or a restored state.

        >>> Generator().initial_seed()
        67280421310721
        """
        return self._seed

    def get_state(self) -> NDArray[np.uint8]:
        """The state as 5056 bytes in PyTorch's layout, shape (5056,): torch's generators accept it.

        >>> Generator().get_state().shape
        (5056,)
        """
        engine: Any = self._bits.state["state"]
        record = np.zeros(1, _STATE)
        record["seed"] = self._seed
        record["seeded"] = 1
        record["left"] = _N + 1 - engine["pos"]
        unused = self._fresh and engine["pos"] == _N and engine["key"][0] == self._seed & 0xFFFFFFFF
        record["next"] = (
            0 if unused else engine["pos"]
        )  # code that draws from memory() leaves _fresh as it was
        record["key"] = engine["key"]
        if self.next_normal is not None:
            record["normal_is_valid"], record["normal_y"] = 1, self.next_normal
        if self._next_float is not None:
            record["next_float_valid"], record["next_float"] = True, self._next_float
        return record.view(np.uint8)

    def set_state(self, state: NDArray[np.uint8]) -> None:
        """Restore a state from `get_state`, of this class or of a torch generator: uint8, shape (5056,).

        Raises TypeError for anything but a uint8 array, RuntimeError for a wrong size or an impossible
        engine.

        >>> g = Generator(); state = g.get_state(); a = g.random32(3); g.set_state(state)
        >>> bool((g.random32(3) == a).all())
        True
        """
        if not isinstance(state, np.ndarray) or state.dtype != np.uint8:
            got = f"dtype {state.dtype}" if isinstance(state, np.ndarray) else type(state).__name__
            text = "RNG state must be a torch.ByteTensor"
            raise TypeError(message(text, came=got, expected="a uint8 array", fix=_STATE_FIX))
        if state.size != STATE_BYTES:
            text = (
                f"Expected a CPUGeneratorImplState of size {STATE_BYTES} "
                f"but found the input RNG state size to be {state.size}"
            )
            raise RuntimeError(message(text, fix=_STATE_FIX))
        record = np.frombuffer(state.tobytes(), _STATE)[0]
        left, position = int(record["left"]), int(record["next"])
        fresh = left == 1 and position == 0
        if not record["seeded"] or not 0 < left <= _N or not (fresh or left + position == _N + 1):
            came = f"left={left}, next={position}"
            raise RuntimeError(message("Invalid mt19937 state", came=came, fix=_STATE_FIX))
        key = record["key"].astype(np.uint32)
        self._bits.state = {"bit_generator": "MT19937", "state": {"key": key, "pos": _N + 1 - left}}
        self._seed = int(record["seed"])
        self._fresh = fresh
        self.next_normal = float(record["normal_y"]) if record["normal_is_valid"] else None
        self._next_float = float(record["next_float"]) if record["next_float_valid"] else None

    def clone_state(self) -> Generator:
        """A new generator in the same state, independent from then on.

        >>> g = Generator(); bool(g.clone_state().random32(1) == g.random32(1))
        True
        """
        clone = Generator(self.device)
        clone.set_state(self.get_state())
        return clone

    def __reduce__(self) -> tuple[Any, ...]:
        return Generator, (self.device,), self.get_state()

    def __setstate__(self, state: NDArray[np.uint8]) -> None:
        self.set_state(state)

    def memory(self) -> NDArray[np.uint32]:
        """The engine's own memory, for code that draws from it: 624 words and the place of the next one."""
        address: int = self._bits.ctypes.state_address
        return np.ctypeslib.as_array((ctypes.c_uint32 * (_N + 1)).from_address(address))

    def raw(self, n: int) -> NDArray[np.uint64]:
        """The next n 32-bit words, each in a uint64: the form that the engine yields fastest, shape (n,)."""
        if n:
            self._fresh = False
        return self._bits.random_raw(n)

    def random32(self, n: int) -> NDArray[np.uint32]:
        """The next n 32-bit words, shape (n,).

        >>> Generator().manual_seed(1).random32(1).tolist()
        [1791095845]
        """
        return self.raw(n).astype(np.uint32)

    def random64(self, n: int) -> NDArray[np.uint64]:
        """The next n 64-bit words, shape (n,): of each two 32-bit words the first is the high half.

        >>> Generator().manual_seed(1).random64(1).tolist() == [1791095845 * 2**32 + 4282876139]
        True
        """
        words = self.raw(2 * n)
        high = words[0::2] << np.uint64(32)
        high |= words[1::2]
        return high

    def doubles(self, n: int) -> NDArray[np.float64]:
        """The next n uniform doubles in [0, 1), multiples of 2^-53, shape (n,).

        >>> Generator().manual_seed(0).doubles(1).tolist()
        [0.9700530018065531]
        """
        words = self.random64(n)
        words &= np.uint64(2**53 - 1)
        values = words.astype(np.float64)
        values *= 2.0**-53
        return values

    def double_stream(self) -> DoubleStream:
        """Uniform doubles one at a time, for samplers that cannot tell how many they will need."""
        return DoubleStream(self)


class DoubleStream:
    """Reads uniform doubles ahead in blocks; leaving the `with` block puts back those not taken."""

    _BLOCK = 1024

    def __init__(self, generator: Generator) -> None:
        self._generator = generator

    def __enter__(self) -> Iterator[float]:
        self._state = self._generator.get_state()
        self._taken = 0
        return self._read()

    def _read(self) -> Iterator[float]:
        while True:
            for value in self._generator.doubles(self._BLOCK).tolist():
                self._taken += 1
                yield value

    def __exit__(self, *error: object) -> None:
        self._generator.set_state(self._state)
        self._generator.raw(2 * self._taken)


def size_of(shape: int | tuple[int, ...]) -> int:
    """The number of elements of a shape."""
    return shape if isinstance(shape, int) else math.prod(shape)
