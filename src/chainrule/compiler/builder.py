"""Text of LLVM IR, written through typed values: no optimiser runs behind it, so what is written is what
runs.

NOTE [No mid-level passes] LLVM's optimiser costs more than the whole compilation is worth here. So the text
is already vectorised, unrolled and fused, addresses are computed once, and constants are folded in Python.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

from .ir_values import BITS as BITS
from .ir_values import FLOATS as FLOATS
from .ir_values import NULL as NULL
from .ir_values import Value as Value
from .ir_values import element as element
from .ir_values import i64 as i64
from .ir_values import lanes as lanes
from .ir_values import like as like
from .ir_values import mangled as mangled
from .ir_values import number as number
from .ir_values import vector as vector
from .target import Target


class Loop:
    """A loop being written: its index, its carried values, and what they become (`next`, then `results`)."""

    def __init__(self, index: Value, carried: list[Value]) -> None:
        self.index, self.carried = index, carried
        self.next: Sequence[Value] = ()
        self.results: list[Value] = []


class Module:
    """The functions of one object file, with the intrinsics and constants that they use.

    Without `contract`, products and sums are rounded one by one, as IEEE 754 and NumPy have it.
    """

    def __init__(self, target: Target, *, contract: bool = True) -> None:
        self.target, self.contract = target, contract
        self._functions: dict[str, Function] = {}
        self._declared: dict[str, str] = {}
        self._constants: dict[str, str] = {}
        self._tables: dict[str, str] = {}  # their names, which mean the same in all files of a step
        self._bodies: dict[str, str] = {}
        self.checks: list[Any] = []  # the equations that may stop a step, in the order of their numbers

    def function(
        self, name: str, parameters: Sequence[str] = (), result: str = "void", *, internal: bool = True
    ) -> Function:
        """Begin a function; its parameters are `f.parameters`."""
        f = Function(self, name, parameters, result, internal)
        self._functions[name] = f
        return f

    def another(self) -> Module:
        """The next object file of the same step: its checks are numbered on, its functions known."""
        made = Module(self.target, contract=self.contract)
        made._bodies, made._tables, made.checks = self._bodies, self._tables, self.checks
        return made

    def lines(self) -> int:
        """How long the text is."""
        return sum(len(f._lines) for f in self._functions.values())

    def has(self, name: str) -> bool:
        """Whether a function of that name was begun: shared helpers are written once."""
        return name in self._functions

    def declare(self, name: str, result: str, parameters: Sequence[str]) -> None:
        self._declared.setdefault(name, f"declare {result} @{name}({', '.join(parameters)})")

    def word(self, name: str) -> Value:
        """An exported word, filled in once the code is loaded; the pointer to it."""
        self._declared[name] = f"@{name} = global ptr null"
        return Value(f"@{name}", "ptr")

    def constant(self, type: str, values: Sequence[Value]) -> Value:
        """A private table in read-only memory; the pointer to it."""
        inner = ", ".join(f"{type} {v.text}" for v in values)
        body = f"private unnamed_addr constant [{len(values)} x {type}] [{inner}], align 64"
        name = self._constants[body] = self._tables.setdefault(body, f"@table.{len(self._tables)}")
        return Value(name, "ptr")

    def merge(self, f: Function) -> str:
        """The name of a function with the same body as `f`, which is forgotten if there is an older one."""
        body = str(f).replace(f"@{f.name}(", "@(", 1)
        first = self._bodies.setdefault(body, f.name)
        if first != f.name:
            del self._functions[f.name]
        return first

    def __str__(self) -> str:
        t = self.target
        attributes = f'attributes #0 = {{ nounwind "target-cpu"="{t.cpu}" "target-features"="{t.features}"'
        if t.width:
            attributes += f' "prefer-vector-width"="{t.width * 8}" "min-legal-vector-width"="{t.width * 8}"'
        bodies = [str(f) for f in self._functions.values()]
        constants = [f"{name} = {body}" for body, name in self._constants.items()]
        return "\n".join([*constants, *self._declared.values(), *bodies, attributes + " }", ""])


class Function:
    """A function body, one instruction at a time."""

    def __init__(
        self, module: Module, name: str, parameters: Sequence[str], result: str, internal: bool
    ) -> None:
        self.module, self.name, self.result = module, name, result
        self.target = module.target
        self.parameters = [Value(f"%p{i}", t) for i, t in enumerate(parameters)]
        listed = ", ".join(f"{p.type} {p.text}" for p in self.parameters)
        linkage = "internal " if internal else ""
        self._lines = [f"define {linkage}{result} @{name}({listed}) #0 {{", "entry:"]
        self._count = 0
        self.block = "entry"

    def __str__(self) -> str:
        return "\n".join([*self._lines, "}"])

    # ----- instructions

    def emit(self, text: str, type: str) -> Value:
        """An instruction with a result."""
        self._count += 1
        name = f"%v{self._count}"
        self._lines.append(f"  {name} = {text}")
        return Value(name, type)

    def line(self, text: str) -> None:
        """An instruction without a result."""
        self._lines.append("  " + text)

    def binary(self, opcode: str, a: Value, b: Value) -> Value:
        """`fadd`, `fmul`, `add`, `and`, `shl` … of two values of one type."""
        flags = " contract" if opcode[0] == "f" and self.module.contract else ""
        return self.emit(f"{opcode}{flags} {a.type} {a.text}, {b.text}", a.type)

    def fneg(self, a: Value) -> Value:
        return self.emit(f"fneg {a.type} {a.text}", a.type)

    def fma(self, a: Value, b: Value, c: Value) -> Value:
        """a·b + c, in one rounding where the processor can; elsewhere LLVM would call libm for each lane."""
        if self.target.fma:
            return self.intrinsic("fma", a, b, c)
        return self.binary("fadd", self.binary("fmul", a, b), c)

    def intrinsic(
        self, name: str, *arguments: Value, suffix: str | None = None, result: str | None = None
    ) -> Value:
        """llvm.<name>.<type of the first argument>(…)."""
        full = f"llvm.{name}.{mangled(arguments[0].type) if suffix is None else suffix}"
        return self.call(full, *arguments, result=arguments[0].type if result is None else result)

    def call(self, name: str, *arguments: Value, result: str = "void") -> Value:
        """Call a function of this module, or one that is declared by calling it."""
        if not self.module.has(name):
            self.module.declare(name, result, [a.type for a in arguments])
        text = f"call {result} @{name}({', '.join(f'{a.type} {a.text}' for a in arguments)})"
        if result == "void":
            self.line(text)
            return Value("", "void")
        return self.emit(text, result)

    def call_pointer(self, pointer: Value, *arguments: Value, result: str = "void") -> Value:
        """Call the function at an address."""
        text = f"call {result} {pointer.text}({', '.join(f'{a.type} {a.text}' for a in arguments)})"
        if result == "void":
            self.line(text)
            return Value("", "void")
        return self.emit(text, result)

    def compare(self, predicate: str, a: Value, b: Value) -> Value:
        """`olt`, `une`, `slt`, `eq` …: floats if the operands are."""
        opcode = "fcmp" if element(a.type) in FLOATS else "icmp"
        return self.emit(f"{opcode} {predicate} {a.type} {a.text}, {b.text}", like(a.type, "i1"))

    def select(self, condition: Value, a: Value, b: Value) -> Value:
        text = f"select {condition.type} {condition.text}, {a.type} {a.text}, {b.type} {b.text}"
        return self.emit(text, a.type)

    def cast(self, opcode: str, a: Value, type: str) -> Value:
        """`bitcast`, `sitofp`, `fptosi`, `trunc`, `zext`, `fpext` … to a type."""
        return self.emit(f"{opcode} {a.type} {a.text} to {type}", type)

    def splat(self, a: Value, count: int) -> Value:
        """A scalar in every lane."""
        if count == 1:
            return a
        type = vector(a.type, count)
        if a.text[0] not in "%@":
            return Value(f"splat ({a.type} {a.text})", type)
        one = self.emit(f"insertelement {type} poison, {a.type} {a.text}, i64 0", type)
        return self.emit(
            f"shufflevector {type} {one.text}, {type} poison, <{count} x i32> zeroinitializer", type
        )

    def shuffle(self, a: Value, b: Value, order: Sequence[int]) -> Value:
        """The lanes `order` of a and b laid end to end; -1 is any value."""
        listed = ", ".join(f"i32 {k}" if k >= 0 else "i32 poison" for k in order)
        text = f"shufflevector {a.type} {a.text}, {b.type} {b.text}, <{len(order)} x i32> <{listed}>"
        return self.emit(text, vector(element(a.type), len(order)))

    def extract(self, a: Value, lane: int) -> Value:
        if a.type[0] != "<":
            return a
        return self.emit(f"extractelement {a.type} {a.text}, i64 {lane}", element(a.type))

    def insert(self, a: Value, x: Value, lane: int) -> Value:
        return self.emit(f"insertelement {a.type} {a.text}, {x.type} {x.text}, i64 {lane}", a.type)

    # ----- memory

    def offset(self, pointer: Value, index: Value | int, type: str = "i8") -> Value:
        """pointer + index elements of `type`."""
        if isinstance(index, int):
            if not index:
                return pointer
            index = i64(index)
        elif index.text == "0":
            return pointer
        return self.emit(f"getelementptr inbounds {type}, ptr {pointer.text}, i64 {index.text}", "ptr")

    def load(self, type: str, pointer: Value, align: int = 0) -> Value:
        """Aligned to the element unless more is known."""
        return self.emit(f"load {type}, ptr {pointer.text}, align {align or _align(type)}", type)

    def store(self, a: Value, pointer: Value, align: int = 0) -> None:
        self.line(f"store {a.type} {a.text}, ptr {pointer.text}, align {align or _align(a.type)}")

    def load_part(self, type: str, pointer: Value, count: int) -> Value:
        """The first `count` lanes from memory, zeros behind them; nothing further is read."""
        width, kind = lanes(type), element(type)
        if count == width:
            return self.load(type, pointer)
        if self.target.masked_loads and BITS[kind] >= 32:
            return self.call(
                f"llvm.masked.load.{mangled(type)}.p0", pointer, i32_align(kind), _mask(count, width),
                number(0, type) if kind in FLOATS else Value("zeroinitializer", type), result=type,
            )  # fmt: skip
        found = Value("zeroinitializer", type)
        for start, size in _pieces(count):
            part = self.load(vector(kind, size), self.offset(pointer, start, kind))
            if size == 1:
                found = self.insert(found, part, start)
                continue
            wide = self.shuffle(part, part, [*range(size), *[-1] * (width - size)])
            order = [width + i - start if start <= i < start + size else i for i in range(width)]
            found = self.shuffle(found, wide, order)
        return found

    def store_part(self, a: Value, pointer: Value, count: int) -> None:
        """The first `count` lanes to memory; nothing further is written."""
        width, kind = lanes(a.type), element(a.type)
        if count == width:
            self.store(a, pointer)
            return
        if self.target.masked_stores and BITS[kind] >= 32:
            self.call(
                f"llvm.masked.store.{mangled(a.type)}.p0", a, pointer, i32_align(kind), _mask(count, width)
            )
            return
        for start, size in _pieces(count):
            at = self.offset(pointer, start, kind)
            part = self.extract(a, start) if size == 1 else self.shuffle(a, a, range(start, start + size))
            self.store(part, at)

    # ----- control flow

    def label(self, prefix: str) -> str:
        self._count += 1
        return f"{prefix}{self._count}"

    def begin(self, label: str) -> None:
        """Continue in a new block."""
        self._lines.append(label + ":")
        self.block = label

    def jump(self, label: str) -> None:
        self.line(f"br label %{label}")

    def branch(self, condition: Value, then: str, otherwise: str) -> None:
        self.line(f"br i1 {condition.text}, label %{then}, label %{otherwise}")

    def phi(self, type: str, incoming: Sequence[tuple[Value, str]]) -> Value:
        return self.emit(f"phi {type} " + ", ".join(f"[ {v.text}, %{b} ]" for v, b in incoming), type)

    def ret(self, a: Value | None = None) -> None:
        self.line("ret void" if a is None else f"ret {a.type} {a.text}")

    @contextmanager
    def loop(
        self, start: Value | int, stop: Value | int, step: int = 1, carry: Sequence[Value] = ()
    ) -> Iterator[Loop]:
        """Count from start to stop, at least once: the body sets `next`, one value for each carried one.

        Guard it with `when` if it may have to run zero times.
        """
        start = i64(start) if isinstance(start, int) else start
        stop = i64(stop) if isinstance(stop, int) else stop
        head, latch, done, before = (*map(self.label, ("loop", "latch", "done")), self.block)
        self.jump(head)
        self.begin(head)
        self._count += 1
        index, after = Value(f"%i{self._count}", "i64"), f"%n{self._count}"
        self.line(f"{index.text} = phi i64 [ {start.text}, %{before} ], [ {after}, %{latch} ]")
        carried, places = [], []
        for value in carry:
            self._count += 1
            carried.append(Value(f"%c{self._count}", value.type))
            places.append(len(self._lines))
            self._lines.append("")
        loop = Loop(index, carried)
        yield loop
        if len(loop.next) != len(carry):
            raise ValueError(f"a loop carries {len(carry)} values, but {len(loop.next)} were passed on")
        self.jump(latch)
        self.begin(latch)
        self.line(f"{after} = add nuw nsw i64 {index.text}, {step}")
        again = self.compare("slt", Value(after, "i64"), stop)
        self.branch(again, head, done)
        for place, first, name, following in zip(places, carry, carried, loop.next):
            self._lines[place] = (
                f"  {name.text} = phi {name.type} [ {first.text}, %{before} ], [ {following.text}, %{latch} ]"
            )
        loop.results = list(loop.next)
        self.begin(done)

    @contextmanager
    def when(self, condition: Value) -> Iterator[None]:
        """Code that runs only if the condition holds; it passes on no values."""
        then, after = self.label("then"), self.label("after")
        self.branch(condition, then, after)
        self.begin(then)
        yield
        self.jump(after)
        self.begin(after)


def _align(type: str) -> int:
    return max(BITS[element(type)] // 8, 1)


def i32_align(kind: str) -> Value:
    return Value(str(_align(kind)), "i32")


def _mask(count: int, width: int) -> Value:
    bits = ", ".join("i1 " + ("true" if i < count else "false") for i in range(width))
    return Value(f"<{bits}>", f"<{width} x i1>")


def _pieces(count: int) -> list[tuple[int, int]]:
    """`count` as powers of two, largest first: (start, size)."""
    out, start = [], 0
    size = 1 << (count.bit_length() - 1) if count else 0
    while start < count:
        while size > count - start:
            size //= 2
        out.append((start, size))
        start += size
    return out
