"""Programs as data: text and back, the verifier's words, the interpreter, equations built by symbols."""

from __future__ import annotations

import numpy as np
import pytest

from chainrule.ops.exponential import exp
from chainrule.ops.nn import softmax
from chainrule.ops.reduce import sum
from chainrule.program import Builder, Equation, ProgramError, Var, interpret, parse, verify
from chainrule.types import float32, float64, int64


def _softmax_of_product():
    b = Builder()
    x, w = b.input((3, 4), float32, "x"), b.input((4, 2), float32, "w")
    y = softmax(x @ w * 2.0 + 1, 1)
    return b.program([sum(y * b.constant(np.float32([0.5, 2.0])), (0, 1), False)])


def test_text_shows_types_constants_and_attributes():
    assert str(_softmax_of_product()) == (
        "program(x: f32[3,4], w: f32[4,2]):\n"
        "    v2: f32[2] = constant(0.5, 2.0)\n"
        "    v3: f32[3,2] = matmul(x, w)\n"
        "    v4: f32[3,2] = mul(v3, 2.0)\n"
        "    v5: f32[3,2] = add(v4, 1)\n"
        "    v6: f32[3,2] = softmax(v5, 1)\n"
        "    v7: f32[3,2] = mul(v6, v2)\n"
        "    v8: f32[] = sum(v7, (0, 1,), False)\n"
        "    return v8"
    )


def test_text_is_parsed_back_to_the_same_program():
    program = _softmax_of_product()
    again = verify(parse(str(program)))
    assert str(again) == str(program)
    rng = np.random.default_rng(0)
    inputs = [rng.normal(size=v.shape).astype(np.float32) for v in program.inputs]
    np.testing.assert_array_equal(interpret(program, inputs)[0], interpret(again, inputs)[0])


def test_large_constants_survive_the_text():
    b = Builder()
    values = np.random.default_rng(0).normal(size=(5, 7))
    program = b.program([exp(b.constant(values))])
    np.testing.assert_array_equal(interpret(parse(str(program)), [])[0], np.exp(values))


@pytest.mark.parametrize(
    ("value", "text"),
    [(0.5, "0.5"), (-0.0, "-0.0"), (float("nan"), "nan"), (float("-inf"), "-inf")],
)
def test_an_array_of_one_number_is_written_as_that_number(value, text):
    b = Builder()
    values = np.full((64, 3), value)
    program = b.program([exp(b.constant(values))])
    assert f"v0: f64[64,3] = constant({text})" in str(program)
    (again,) = parse(str(program)).constants.values()
    assert again.tobytes() == values.tobytes() and again.shape == (64, 3)


def test_zeros_of_both_signs_are_not_one_number():
    b = Builder()
    values = np.array([0.0, -0.0])
    (again,) = parse(str(b.program([exp(b.constant(values))]))).constants.values()
    assert again.tobytes() == values.tobytes()


@pytest.mark.parametrize(
    ("line", "words"),
    [
        ("y: f32[2] = nothing(x)", "there is no operation 'nothing'"),
        ("y: f32[2] = exp(z)", "'z' is not defined before it is used"),
        ("y: f32[2] exp(x)", "expected `name: type = operation(arguments)`"),
        ("x: f32[2] = exp(x)", "'x' is defined twice"),
        ("y: f32[2] = exp(x.shape)", "'x.shape' is not an argument of a program"),
    ],
)
def test_a_line_that_does_not_parse_is_named(line, words):
    with pytest.raises(ValueError, match="line 2 of the program") as caught:
        parse(f"program(x: f32[2]):\n    {line}\n    return x")
    assert words in str(caught.value)


def test_a_program_without_return_is_refused():
    with pytest.raises(ValueError, match="ends without `return`"):
        parse("program(x: f32[2]):\n    y: f32[2] = exp(x)")


def test_the_verifier_names_the_equation_and_its_neighbours():
    x, y = Var((2,), float32, "x"), Var((3,), float32, "y")
    program = Builder().program([])._replace(inputs=(x,), equations=(Equation(exp, (x,), (y,)),))
    with pytest.raises(ProgramError) as caught:
        verify(program)
    assert str(caught.value) == "the type rule gives f32[2]\n> y: f32[3] = exp(x)"


def test_the_verifier_refuses_uses_before_definitions_and_second_definitions():
    x, y = Var((), float32, "x"), Var((), float32, "y")
    first = Builder().program([])._replace(inputs=(x,), equations=(Equation(exp, (y,), (y,)),))
    with pytest.raises(ProgramError, match="y is used before it is defined"):
        verify(first)
    twice = first._replace(equations=(Equation(exp, (x,), (y,)), Equation(exp, (x,), (y,))))
    with pytest.raises(ProgramError, match="y is defined twice"):
        verify(twice)
    with pytest.raises(ProgramError, match="is never defined"):
        verify(first._replace(equations=(), outputs=(y,)))


def test_the_interpreter_refuses_inputs_of_another_type():
    program = _softmax_of_product()
    with pytest.raises(ValueError, match=r"input x must be f32\[3,4\], got float64\[3, 4\]"):
        interpret(program, [np.zeros((3, 4)), np.zeros((4, 2), np.float32)])
    with pytest.raises(ValueError, match="takes 2 inputs, got 1"):
        interpret(program, [np.zeros((3, 4), np.float32)])


def test_symbols_promote_as_tensors_do():
    b = Builder()
    x, n, s = b.input((2,), float32), b.input((2,), int64), b.input((), float64)
    assert (x + n).dtype is float32
    assert (x * s).dtype is float32
    assert (n / 2).dtype is float32
    assert (x > 0).dtype.name == "bool"
    assert (~(x > 0)).dtype.name == "bool"


def test_a_rule_cannot_branch_on_a_symbol():
    x = Builder().input((), float32, "x")
    with pytest.raises(TypeError, match="has no value yet"):
        bool(x > 0)
