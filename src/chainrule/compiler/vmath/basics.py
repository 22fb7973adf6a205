"""What the vector functions share: floating-point formats, polynomials, and libm called lane by lane."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from ..builder import BITS, Function, Value, element, lanes, like, number


class Format(NamedTuple):
    """A binary floating-point format: its stored mantissa bits, exponent bias and the integer of its size.

    `magic` is 1.5·2^mantissa: x + magic rounds x to a whole number, which the low bits of the sum then hold.
    """

    element: str
    integer: str
    mantissa: int
    bias: int

    @property
    def width(self) -> int:
        return BITS[self.element]

    @property
    def magic(self) -> float:
        return 1.5 * 2.0**self.mantissa

    @property
    def smallest(self) -> float:
        """The smallest normal number."""
        return 2.0 ** (1 - self.bias)

    @property
    def fraction(self) -> int:
        """The mask of the mantissa's bits."""
        return (1 << self.mantissa) - 1


SINGLE = Format("float", "i32", 23, 127)
DOUBLE = Format("double", "i64", 52, 1023)
_FORMATS = {"float": SINGLE, "double": DOUBLE}


def format_of(x: Value) -> Format:
    """The format of a float or double, or of a vector of them."""
    return _FORMATS[element(x.type)]


def add(f: Function, x: Value, y: Value | float) -> Value:
    return f.binary("fadd", x, _operand(x, y))


def sub(f: Function, x: Value, y: Value | float) -> Value:
    return f.binary("fsub", x, _operand(x, y))


def mul(f: Function, x: Value, y: Value | float) -> Value:
    return f.binary("fmul", x, _operand(x, y))


def fma(f: Function, x: Value, y: Value | float, z: Value | float) -> Value:
    return f.fma(x, _operand(x, y), _operand(x, z))


def integer(f: Function, opcode: str, x: Value, y: Value | int) -> Value:
    """`shl`, `and`, `sub` … of integers, the second may be a constant."""
    return f.binary(opcode, x, y if isinstance(y, Value) else number(y, x.type))


def _operand(x: Value, y: Value | float) -> Value:
    return y if isinstance(y, Value) else number(y, x.type)


def horner(f: Function, x: Value, coefficients: Sequence[float]) -> Value:
    """The polynomial with these coefficients, highest power first."""
    value = number(coefficients[0], x.type)
    for c in coefficients[1:]:
        value = fma(f, value, x, c)
    return value


def bits(f: Function, x: Value) -> Value:
    """The bit pattern as an integer."""
    return f.cast("bitcast", x, like(x.type, format_of(x).integer))


def from_bits(f: Function, x: Value, type: str) -> Value:
    return f.cast("bitcast", x, type)


def at_most(f: Function, x: Value, bound: float) -> Value:
    """The smaller of x and a constant; NaN stays NaN (one instruction on x86, where `minnum` takes three)."""
    limit = number(bound, x.type)
    return f.select(f.compare("ogt", x, limit), limit, x)


def at_least(f: Function, x: Value, bound: float) -> Value:
    """The larger of x and a constant; NaN stays NaN."""
    limit = number(bound, x.type)
    return f.select(f.compare("olt", x, limit), limit, x)


def absolute(f: Function, x: Value) -> Value:
    return f.intrinsic("fabs", x)


def libm(f: Function, name: str, *arguments: Value) -> Value:
    """The C library's function of doubles for each lane, in a helper function that the module has once.

    float is computed in double and rounded: within 0.5001 ulp, whatever the platform's `sinhf` does.
    """
    return f.call(_by_lane(f, name, arguments), *arguments, result=arguments[0].type)


def _by_lane(f: Function, name: str, arguments: Sequence[Value]) -> str:
    """The helper function's name; it is written the first time it is wanted."""
    type = arguments[0].type
    helper = f"each.{name}.{element(type)}.{lanes(type)}"
    if f.module.has(helper):
        return helper
    g = f.module.function(helper, [a.type for a in arguments], type)
    single = element(type) == "float"
    result = Value("poison", type)
    for lane in range(lanes(type)):
        each = [g.extract(p, lane) for p in g.parameters]
        if single:
            each = [g.cast("fpext", x, "double") for x in each]
        y = g.call(name, *each, result="double")
        if single:
            y = g.cast("fptrunc", y, "float")
        result = y if lanes(type) == 1 else g.insert(result, y, lane)
    g.ret(result)
    return helper


def unless_rare(f: Function, rare: Value, usual: Value, name: str, x: Value) -> Value:
    """`usual`, but libm's function of x if the condition `rare` holds in any lane: a branch seldom taken."""
    slow, after, before = f.label("rare"), f.label("after"), f.block
    anywhere = rare if rare.type == "i1" else f.intrinsic("vector.reduce.or", rare, result="i1")
    helper = _by_lane(f, name, [x])
    f.branch(anywhere, slow, after)
    f.begin(slow)
    # `cold` keeps the block out of the loop's straight line
    exact = f.emit(f"call {x.type} @{helper}({x.type} {x.text}) cold", x.type)
    exact = f.select(rare, exact, usual)  # the other lanes keep theirs, whoever their neighbours are
    f.jump(after)
    f.begin(after)
    return f.phi(x.type, [(usual, before), (exact, slow)])
