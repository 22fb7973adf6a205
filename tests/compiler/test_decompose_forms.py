"""Decompositions in the forms that the records' samples do not show: edges, provenance, refusals."""

from __future__ import annotations

import itertools

import ml_dtypes
import numpy as np
import pytest
from tests.compiler.decomposed import check, left_over, program_of, same_numbers
from tests.three_way.helpers import of_record, three_ways

from chainrule.compiler.decompose import decompose
from chainrule.compiler.decompose.registry import RULES
from chainrule.ops import classes, loss, nn, norm, product, reduce, resample, scatter
from chainrule.ops.record import REGISTRY
from chainrule.program import Builder, interpret, verify
from chainrule.program.passes import cse, dce
from chainrule.program.text import equation_text
from chainrule.types import FLOAT, dtype_of


def test_a_number_of_products_by_einsum():
    source = np.random.default_rng(1)
    sizes = dict(zip("abcde", (2, 3, 4, 5, 1)))
    cases = [
        (("abc", "abd"), "acd"),
        (("abc", "dcb"), "da"),
        (("ab", "ab"), "ab"),
        (("ab", "ab"), ""),
        (("ab", "cd"), "abcd"),
        (("abc", "bc"), "a"),
        (("ab", "bc", "cd"), "ad"),
        (("abc",), "cab"),
        (("abc",), "b"),
        (("ab", "eb"), "ae"),
        (("aab", "b"), "a"),
        (("abc", "acd", "adb"), "a"),
        (("eab", "b"), "ea"),
        (("a", "a", "a"), "a"),
        (("abcd", "abed"), "abec"),
        (("ab", "ac"), "cb"),
        (("aa",), ""),
    ]
    for inputs, output in cases:
        xs = [source.normal(size=[sizes[c] for c in letters]) for letters in inputs]
        small = check(product.einsum, (xs, inputs, output), 1e-12, 1e-12)
        assert not left_over(small), (inputs, output)


def test_a_chain_of_einsum_is_a_chain_of_matrix_products():
    xs = [np.ones((2, 3)), np.ones((3, 4)), np.ones((4, 5))]
    program, _ = program_of(product.einsum, (xs, ("ab", "bc", "cd"), "ad"))
    assert [e.op for e in decompose(program).equations].count(product.matmul) == 2


def test_crossed_vectors_broadcast():
    source = np.random.default_rng(1)
    small = check(product.cross, (source.normal(size=(3, 1)), source.normal(size=(3, 4)), 0), 1e-13, 1e-15)
    assert not left_over(small)


def test_einsum_stretches_sizes_of_1():
    source = np.random.default_rng(1)
    xs = [source.normal(size=(1, 3)), source.normal(size=(2, 3))]
    for output in ("ab", "a", ""):
        check(product.einsum, (xs, ("ab", "ab"), output), 1e-12, 1e-12)


def test_a_transposed_weight_stays_a_view():
    program, _ = program_of(nn.linear, (np.zeros((2, 5, 3)), np.zeros((4, 3)), np.zeros(4)))
    lines = [equation_text(e).split(" = ")[1].split("(")[0] for e in decompose(program).equations]
    assert lines == ["reshape", "transpose", "matmul", "add", "reshape"]


@pytest.mark.parametrize(
    "shapes", [((5, 2, 3), (3, 4)), ((2, 1, 2, 3), (5, 3, 2)), ((3,), (2, 3, 4)), ((0, 2, 3), (3, 4))]
)
def test_products_of_integers_and_of_nothing(shapes):
    source = np.random.default_rng(2)
    args = tuple(source.integers(-4, 4, size=s).astype(np.int32) for s in shapes)
    small = check(product.matmul, args, 0, 0)
    used = [e for e in small.equations if e.op is product.matmul]
    assert all(a.ndim >= 2 for e in used for a in e.inputs)
    check(product.dot, (np.arange(3, dtype=np.int32), np.arange(3, dtype=np.int32)), 0, 0)


MASKED = np.array(
    [
        [0.5, -np.inf, 2.0],
        [-np.inf, -np.inf, -np.inf],
        [np.inf, 1.0, 0.0],
        [np.nan, 0.0, 1.0],
        [1e3, 999.0, -1e3],
    ]
)


@pytest.mark.parametrize(
    "name",
    [
        "logsumexp",
        "softmax",
        "log_softmax",
        "argmax",
        "argmin",
        "max_dim",
        "min_dim",
        "nansum",
        "not_nan",
        "ties",
    ],
)
def test_infinities_and_nan(name):
    rest = {
        "logsumexp": ((1,), False),
        "softmax": (1,),
        "log_softmax": (1,),
        "argmax": ((1,), True),
        "argmin": ((0, 1), False),
        "max_dim": (1, False),
        "min_dim": (0, True),
        "nansum": ((1,), False),
        "not_nan": (),
        "ties": ((1,), False),
    }[name]
    extra = (MASKED.max(axis=1),) if name == "ties" else ()
    check(REGISTRY[name], (MASKED, *extra, *rest), 1e-13, 0)


@pytest.mark.parametrize("keepdim", [False, True])
@pytest.mark.parametrize("dim", [(), (0,), (1,), (0, 1)])
def test_empty_reductions(dim, keepdim):
    for shape in ((0, 3), (2, 0)):
        a = np.zeros(shape)
        for op in (reduce.mean, reduce.nansum, reduce.logsumexp, reduce.count_nonzero):
            check(op, (a, dim, keepdim), 0, 0)
        check(REGISTRY["var"], (a, dim, 1.0, keepdim), 0, 0)
        check(REGISTRY["std_mean"], (a, dim, 1.0, keepdim), 0, 0)
        check(REGISTRY["vector_norm"], (a, dim, keepdim, 2.0), 0, 0)


def test_empty_rows_and_single_numbers():
    a = np.zeros((0, 3))
    for args in [(nn.softmax, a, 1), (nn.log_softmax, a, 1), (loss.mse_loss, a, a, "mean")]:
        check(args[0], args[1:], 0, 0)
    check(nn.softmax, (np.array(3.0), 0), 0, 0)
    check(nn.log_softmax, (np.array(3.0), 0), 0, 0)
    check(norm.layer_norm, (a, np.ones(3), np.ones(3), (1,), -1, 1e-5), 0, 0)
    check(nn.linear, (np.zeros((0, 2, 3)), np.zeros((4, 3)), np.zeros(4)), 0, 0)
    check(classes.cross_entropy, (a, np.zeros(0, int), None, "mean", -100), 0, 0)


def test_the_variance_of_large_numbers_is_exact():
    a = (np.arange(12.0).reshape(3, 4) + 1e6).astype(np.float32)
    program, inputs = program_of(REGISTRY["var"], (a, (1,), 1.0, False))
    np.testing.assert_allclose(interpret(decompose(program), inputs)[0], np.full(3, 5 / 3), rtol=1e-6)


@pytest.mark.parametrize("dtype", [np.float16, ml_dtypes.bfloat16])
def test_half_precision_is_rounded_once(dtype):
    a = np.random.default_rng(0).normal(size=(4, 300)).astype(dtype)
    wide = a.astype(np.float32)
    for op, rest in [(nn.softmax, (1,)), (reduce.mean, ((1,), False)), (reduce.logsumexp, ((1,), False))]:
        program, inputs = program_of(op, (a, *rest))
        want = op.forward(wide, *rest).astype(dtype)
        same_numbers(interpret(verify(decompose(program)), inputs), [want], 1e-3, 1e-6)


# ----- class indices


TARGETS = [np.array([0, 2, 1, 2]), np.array([0, -100, 1, -100]), np.array([2, 2, 2, 2])]


@pytest.mark.parametrize("ignore", [-100, 2])
@pytest.mark.parametrize("reduction", ["mean", "sum", "none"])
@pytest.mark.parametrize("weighted", [False, True])
def test_losses_of_class_indices(weighted, reduction, ignore):
    source = np.random.default_rng(5)
    x = source.normal(size=(4, 3))
    x[0, 1] = x[2, 1] = -np.inf  # masked scores, one of them a target's, whose weight may be 0
    weight = np.array([0.5, 0.0, 2.0]) if weighted else None
    for target in TARGETS:
        if ignore != -100 and (target < 0).any():
            continue
        args = (x, target, weight, reduction, ignore)
        check(classes.cross_entropy, args, 1e-13, 1e-15)
        check(classes.nll_loss, args, 1e-13, 1e-15)
        g = source.normal(size=(4,) if reduction == "none" else ())
        check(classes.cross_entropy_pull, (g, *args), 1e-13, 1e-15)
        check(classes.nll_place, (g, target, weight, (4, 3), reduction, ignore), 1e-13, 1e-15)


def test_logarithms_of_probabilities_0_and_1_are_held_at_100():
    p = np.array([0.0, 1.0, 0.0, 1.0, np.nan])
    for reduction in ("none", "mean"):
        check(loss.binary_cross_entropy, (p, np.array([0.0, 1.0, 1.0, 0.0, 1.0]), reduction), 1e-13, 0)


@pytest.mark.parametrize("weight", [None, np.array([0.5, 2.0, 1.0])])
def test_a_mean_over_nothing_is_nan_and_its_gradient_is_0(weight):
    x, target = np.random.default_rng(5).normal(size=(2, 3)), np.array([-100, -100])
    rest = (target, weight, "mean", -100)
    for op, args in [(classes.cross_entropy, (x, *rest)), (classes.nll_loss, (x, *rest))]:
        program, inputs = of_record(op, args, np.dtype("float64"))
        three_ways(program, inputs, 0)
        assert np.isnan(op(*args))
    for g in (np.array(0.5), np.array(np.inf)):
        for op, args in [
            (classes.cross_entropy_pull, (g, x, *rest)),
            (classes.nll_place, (g, target, weight, x.shape, "mean", -100)),
        ]:
            program, inputs = of_record(op, args, np.dtype("float64"))
            three_ways(program, inputs, 0)
            np.testing.assert_array_equal(op(*args), np.zeros((2, 3)))


@pytest.mark.parametrize("op", [classes.cross_entropy, classes.nll_loss])
@pytest.mark.parametrize("wrong", [5, -1])
def test_a_target_that_is_no_class_is_refused(op, wrong):
    program, inputs = program_of(op, (np.zeros((2, 3)), np.array([0, wrong]), None, "mean", -100))
    with pytest.raises(IndexError, match=f"Target {wrong} is out of bounds."):
        interpret(decompose(program), inputs)


def test_the_loss_and_its_gradient_share_one_check():
    builder = Builder()
    x, target = builder.input((4, 3), dtype_of(np.zeros(1))), builder.input((4,), dtype_of(np.zeros(1, int)))
    y = classes.cross_entropy(x, target, None, "mean", -100)
    pull = classes.cross_entropy_pull(y, x, target, None, "mean", -100)
    small = dce(cse(decompose(builder.program([y, pull]))))
    assert [e.op.name for e in small.equations].count("in_bounds") == 1
    assert [e.op.name for e in small.equations].count("amax") == 1


def test_places_that_do_not_exist_are_refused_before_they_are_read():
    ix = np.array([0, 4])
    for op, args, words in [
        (scatter.embedding, (np.zeros((4, 2)), ix, -1, False), "index out of range in self"),
        (REGISTRY["index_select"], (np.zeros((4, 2)), ix, ("index",)), "expected: 0 to 3"),
        (REGISTRY["take"], (np.zeros(4), ix), "tried to access index 4 on a tensor of 4 elements"),
        (REGISTRY["one_hot"], (ix, 4), "must be smaller than num_classes"),
        (REGISTRY["one_hot"], (-ix, 4), "must be non-negative"),
        (loss.binary_cross_entropy, (np.full(2, 1.5), np.ones(2), "mean"), "between 0 and 1"),
    ]:
        program, inputs = program_of(op, args)
        small = decompose(program)
        last = max(i for i, e in enumerate(small.equations) if e.op.name == "in_bounds")
        checks = small.equations[: last + 1]
        with pytest.raises((IndexError, RuntimeError), match=words):
            interpret(small.replaced(equations=checks, outputs=checks[-1].outputs), inputs)


@pytest.mark.parametrize(("padding", "by_frequency"), list(itertools.product((-1, 2), (False, True))))
def test_embeddings_with_padding_and_frequencies(padding, by_frequency):
    source = np.random.default_rng(4)
    ix = np.array([[0, 2, 2], [3, 0, 0]])
    check(scatter.embedding, (source.normal(size=(4, 5)), ix, padding, by_frequency), 0, 0)
    check(scatter.embedding_grad, (source.normal(size=(2, 3, 5)), ix, 4, padding, by_frequency), 1e-13, 1e-15)
    check(scatter.embedding_rows, (source.normal(size=(4, 5)), ix, padding, by_frequency), 1e-13, 0)


# ----- resampling


def test_all_ways_of_resampling():
    a = np.random.default_rng(6).normal(size=(2, 40, 7))
    taps = [
        resample.pooling_taps(40, 3, 2, 1, 20, False, None),
        resample.pooling_taps(40, 20, 20, 0, 2, True, None),
        resample.adaptive_taps(40, 1),
        resample.adaptive_taps(40, 7),
        resample.interpolation_taps(40, 61, "cubic", None, False),
        resample.interpolation_taps(40, 80, "nearest", 2.0, False),
        resample.antialias_taps(40, 9, "linear", None, False),
        resample.adaptive_taps(40, 1).transposed,
    ]
    for t in taps:
        start = a if t.n == 40 else a[:, :1]
        small = check(resample.avg_pool, (start, (t, resample.same_taps(7))), 1e-12, 1e-12)
        dense = [e.op for e in small.equations].count(product.matmul)
        assert dense == (len(t.index) > 16 and t.out > 1)


# ----- provenance


def test_new_equations_know_the_line_and_the_equation_they_came_from():
    builder = Builder()
    x = builder.input((2, 3), dtype_of(np.zeros(1)), "x")
    builder.where = ("a code object", 7)
    builder.add(nn.softmax, (x, 1))
    out = builder.add(REGISTRY["var"], (x, (1,), 1.0, False))
    out.var.name = "spread"
    program = builder.program([out])
    small = decompose(program)
    assert all(e.where == ("a code object", 7) for e in small.equations)
    assert {id(e.origin) for e in small.equations} == {id(e) for e in program.equations}
    assert small.outputs[0].name == "spread"
    assert small.outputs[0].dtype.category == FLOAT


def test_a_decomposition_of_another_type_is_an_error(monkeypatch):
    from chainrule.program import ProgramError
    from chainrule.program.passes import called

    monkeypatch.setitem(RULES, nn.softmax, called(lambda a, dim: a == a))
    program, _ = program_of(nn.softmax, (np.zeros((2, 3)), 1))
    with pytest.raises(ProgramError, match=r"has results of type bool\[2,3\]"):
        decompose(program)
