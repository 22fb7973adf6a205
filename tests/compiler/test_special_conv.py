"""Convolution and pooling inside compiled steps: no forward is called, and what follows is fused."""

from __future__ import annotations

import numpy as np
import pytest
from tests.compiler.guarded import guarded
from tests.three_way.helpers import of_record

import chainrule as cr
from chainrule.compiler import engine, target
from chainrule.compiler.assemble import assemble
from chainrule.compiler.pipeline import optimised
from chainrule.compiler.runner import NativeRunner, Role
from chainrule.ops import conv, pool, resample
from chainrule.ops.activation import relu
from chainrule.ops.movement import permute, reshape, to
from chainrule.ops.reduce import sum as total
from chainrule.program import Builder, interpret, verify
from chainrule.types import float32, float64

TOLERANCE = {np.float32: 2e-5, np.float64: 1e-12}


def native(program, inputs, side="end", roles=None, **options):
    """The runner of the optimised program on guarded inputs, with outputs in guarded memory."""
    program = verify(optimised(program))
    inputs = [guarded(a, side).reshape(a.shape) for a in inputs]
    outs = [guarded(np.full(v.shape, 99, v.dtype.np), side).reshape(v.shape) for v in program.outputs]
    places = Builder()
    states = tuple(places.input(v.shape, v.dtype).var for v in program.outputs)
    first = len(inputs)
    given = program.replaced(inputs=(*program.inputs, *states))
    strides = [tuple(s // a.itemsize for s in a.strides) for a in (*inputs, *outs)]
    roles = [Role("update", first + i) for i in range(len(outs))]
    runner = NativeRunner(given, strides, roles, **options)
    runner([*inputs, *outs])
    return runner, outs


def agrees(program, inputs, dtype, calls=0, **options):
    """Compare machine code and forwards; the kernels of the step."""
    runner, outs = native(program, inputs, **options)
    assert len(runner.assembled.calls) == calls
    for got, want in zip(outs, interpret(program, inputs)):
        scale = max(float(np.abs(want[np.isfinite(want)]).max(initial=0.0)), 1.0)
        np.testing.assert_allclose(got, want, rtol=TOLERANCE[dtype], atol=TOLERANCE[dtype] * scale)
    return runner.assembled.schedule.groups


def rng():
    return np.random.default_rng(8)


# ----- one record

GEOMETRIES = {  # x, w, (stride, pads, dilation, groups)
    "5x5": ((4, 1, 12, 12), (6, 1, 5, 5), ((1, 1), ((2, 2), (2, 2)), (1, 1), 1)),
    "odd": ((3, 3, 7, 9), (5, 3, 3, 2), ((1, 1), ((1, 0), (0, 1)), (1, 1), 1)),
    "stride": ((5, 4, 9, 11), (6, 4, 3, 3), ((2, 3), ((1, 1), (2, 0)), (1, 1), 1)),
    "dilated": ((2, 2, 11, 10), (4, 2, 3, 2), ((1, 2), ((2, 2), (1, 1)), (2, 3), 1)),
    "groups": ((3, 4, 8, 8), (6, 2, 3, 3), ((1, 1), ((1, 1), (1, 1)), (1, 1), 2)),
    "depthwise": ((2, 4, 8, 9), (4, 1, 3, 3), ((1, 1), ((1, 1), (1, 1)), (1, 1), 4)),
    "three groups": ((2, 6, 6, 5), (3, 2, 3, 3), ((2, 1), ((0, 1), (1, 0)), (1, 1), 3)),
    "1x1": ((2, 8, 5, 7), (4, 8, 1, 1), ((1, 1), ((0, 0), (0, 0)), (1, 1), 1)),
    "one image": ((1, 3, 6, 6), (7, 3, 3, 3), ((1, 1), ((1, 1), (1, 1)), (1, 1), 1)),
    "cut": ((2, 3, 9, 8), (4, 3, 3, 2), ((1, 2), ((-2, 1), (1, -1)), (1, 1), 1)),
    "cut away": ((2, 3, 3, 8), (4, 3, 2, 3), ((1, 1), ((-4, 4), (-1, 2)), (1, 1), 1)),
    "1d": ((3, 4, 33), (6, 2, 5), ((2,), ((2, 2),), (1,), 2)),
    "1d cut": ((2, 3, 21), (4, 3, 3), ((1,), ((-3, -2),), (2,), 1)),
    "1d wide": ((5, 1, 100), (1, 1, 7), ((1,), ((3, 3),), (1,), 1)),
}


def three(name, dtype):
    """The three records of a geometry with arguments."""
    xs, ws, attributes = GEOMETRIES[name]
    x, w = (rng().normal(size=s).astype(dtype) for s in (xs, ws))
    y = conv.conv.forward(x, w, None, *attributes)
    g = rng().normal(size=y.shape).astype(dtype)
    return [
        (conv.conv, (x, w, rng().normal(size=ws[0]), *attributes)),
        (conv.conv_input, (g, w, rng().normal(size=xs[1]), xs[2:], *attributes)),
        (conv.conv_weight, (x, g, ws[2:], *attributes)),
    ]


@pytest.mark.parametrize("side", ["start", "end"])
@pytest.mark.parametrize("threads", [1, 2])
@pytest.mark.parametrize("dtype", TOLERANCE)
@pytest.mark.parametrize("name", GEOMETRIES)
def test_convolutions_are_compiled(name, dtype, threads, side):
    for op, args in three(name, dtype):
        program, inputs = of_record(op, args, np.dtype(dtype))
        groups = agrees(program, inputs, dtype, threads=threads, side=side)
        assert len(groups) == 1  # the bias is added on the way


WINDOWS = {  # size, (kernel, stride, padding, dilation, ceil_mode)
    "paired": ((12, 16), ((2, 2), (2, 2), (0, 0), (1, 1), False)),
    "paired, odd": ((7, 37), ((2, 2), (2, 2), (0, 0), (1, 1), False)),
    "sticking out": ((5, 7), ((2, 2), (2, 2), (0, 0), (1, 1), True)),
    "3x3": ((9, 14), ((3, 3), (2, 2), (1, 1), (1, 1), False)),
    "dilated": ((9, 11), ((2, 3), (1, 2), (0, 1), (3, 2), False)),
    "1d": ((37,), ((3,), (2,), (1,), (1,), False)),
    "1d pairs": ((22,), ((2,), (2,), (0,), (1,), False)),
}


@pytest.mark.parametrize("side", ["start", "end"])
@pytest.mark.parametrize("threads", [1, 2])
@pytest.mark.parametrize("dtype", TOLERANCE)
@pytest.mark.parametrize("name", WINDOWS)
def test_max_pooling_is_compiled_with_its_indices_and_gradient(name, dtype, threads, side):
    size, attributes = WINDOWS[name]
    x = rng().integers(-3, 4, size=(3, 5, *size)).astype(dtype)
    x[0, 0].flat[3] = np.nan
    x[1] = -np.inf
    program, inputs = of_record(pool.max_pool, (x, *attributes), np.dtype(dtype))
    runner, outs = native(program, inputs, threads=threads, side=side)
    assert not runner.assembled.calls
    for got, want in zip(outs, interpret(program, inputs)):
        np.testing.assert_array_equal(got, want)

    b = Builder()
    a = b.input(x.shape, float32 if dtype is np.float32 else float64)
    y, places = pool.max_pool(a, *attributes)
    g = b.input(y.shape, a.dtype)
    back = pool.pool_place(g, places, size)
    program = b.program([back, pool.pool_pick(back, places, len(size))])
    cotangent = rng().normal(size=y.shape).astype(dtype)
    agrees(program, [x, cotangent], dtype, threads=threads, side=side)
    agrees(b.program([back]), [x, cotangent], dtype, threads=threads, side=side)


def test_places_that_nothing_reads_are_not_stored():
    b = Builder()
    x = b.input((2, 3, 8, 8), float32)
    y, _ = pool.max_pool(x, (2, 2), (2, 2), (0, 0), (1, 1), False)
    runner, _ = native(b.program([y]), [rng().normal(size=x.shape).astype(np.float32)])
    (kernel,) = runner.assembled.kernels
    assert [a.dtype.name for a in kernel.accesses] == ["float32", "float32"]


def test_the_gradient_of_paired_windows_needs_no_places():
    b = Builder()
    x, g = b.input((2, 3, 8, 8), float32), b.input((2, 3, 4, 4), float32)
    _, places = pool.max_pool(x, (2, 2), (2, 2), (0, 0), (1, 1), False)
    found = optimised(b.program([pool.pool_place(g, places, (8, 8))]))
    assert [e.op for e in found.equations] == [pool.max_pool_input]


TAPS = {  # per dimension
    "means": (
        resample.pooling_taps(8, 2, 2, 0, 4, True, None),
        resample.pooling_taps(9, 3, 2, 1, 5, False, None),
    ),
    "adaptive": (resample.adaptive_taps(9, 4), resample.adaptive_taps(11, 7)),
    "cubic": (resample.interpolation_taps(5, 9, "cubic", None, False),) * 2,
    "1d": (resample.pooling_taps(37, 3, 2, 1, 19, True, None),),
    "1d longer": (resample.interpolation_taps(7, 33, "linear", None, True),),
}


@pytest.mark.parametrize("side", ["start", "end"])
@pytest.mark.parametrize("threads", [1, 2])
@pytest.mark.parametrize("dtype", TOLERANCE)
@pytest.mark.parametrize("name", TAPS)
def test_resampling_is_compiled_with_its_gradient_and_what_follows(name, dtype, threads, side):
    taps = TAPS[name]
    b = Builder()
    a = b.input((3, 5, *(t.n for t in taps)), float32 if dtype is np.float32 else float64)
    y = relu(resample.avg_pool(a, taps))
    back = resample.upsample(y, tuple(t.transposed for t in taps)) * a
    program = b.program([y, back])
    inputs = [rng().normal(size=v.shape).astype(dtype) for v in program.inputs]
    groups = agrees(program, inputs, dtype, threads=threads, side=side)
    assert [len(g.equations()) for g in groups] == [2, 2]


@pytest.mark.parametrize("name", GEOMETRIES)
def test_threads_touch_what_they_say(name):
    """What two threads write is all of the result, each element once; a barrier is found from this."""
    for op, args in three(name, np.float32):
        program, inputs = of_record(op, args, np.dtype("float32"))
        runner, (out,) = native(program, inputs, threads=2)
        (kernel,) = runner.assembled.kernels
        (stored,) = kernel.stores.values()
        reached = [kernel.reach(share, 2, target.host()) for share in (0, 1)]
        spans = [(low, high) for part in reached for i, low, high in part if i == stored]
        assert [low for low, _ in spans] == [0, *(high for _, high in spans[:-1])]
        assert spans[-1][1] == out.size
        for i, a in enumerate(inputs[:2]):
            spans = [(low, high) for part in reached for k, low, high in part if k == i]
            assert (min(spans)[0], max(high for _, high in spans)) == (0, a.size)


# ----- what follows


def residual(dtype, shape=(4, 3, 6, 7)):
    """relu(conv(x) + residual): every equation joins the convolution."""
    b = Builder()
    x, w, bias = b.input(shape, dtype), b.input((5, 3, 3, 3), dtype), b.input((5,), dtype)
    other = b.input((4, 5, 6, 7), dtype)
    y = conv.conv(x, w, bias, (1, 1), ((1, 1), (1, 1)), (1, 1), 1)
    z = relu(y + other)
    return b, [x, w, bias, other], z


@pytest.mark.parametrize("threads", [1, 2])
@pytest.mark.parametrize("dtype", TOLERANCE)
def test_bias_activation_and_residual_are_fused(dtype, threads):
    b, symbols, z = residual(float32 if dtype is np.float32 else float64)
    inputs = [rng().normal(size=s.shape).astype(dtype) for s in symbols]
    groups = agrees(b.program([z]), inputs, dtype, threads=threads)
    assert [len(g.equations()) for g in groups] == [4]


@pytest.mark.parametrize("threads", [1, 2])
def test_the_mask_of_an_activation_is_fused_into_gradients(threads):
    b = Builder()
    g, w, h = b.input((4, 5, 6, 7), float32), b.input((5, 3, 3, 3), float32), b.input((4, 3, 6, 7), float32)
    back = conv.conv_input(g, w, None, (6, 7), (1, 1), ((1, 1), (1, 1)), (1, 1), 1)
    small, a = b.input((4, 3, 3, 4), float32), b.input((4, 3, 6, 8), float32)
    _, places = pool.max_pool(a, (2, 2), (2, 2), (0, 0), (1, 1), False)
    spread = pool.pool_place(small, places, (6, 8)) * to(a != 0, float32)
    program = b.program([back * to(h != 0, float32), spread])
    inputs = [relu.forward(rng().normal(size=v.shape).astype(np.float32)) for v in program.inputs]
    groups = agrees(program, inputs, np.float32, threads=threads)
    assert [g.kind for g in groups] == ["special", "special"]


def test_operands_over_pixels_that_do_not_lie_in_order_stay_outside():
    """Rows that are broadcast, or taken from a transposed image, cannot be walked as one row of pixels."""
    b = Builder()
    x, w = b.input((2, 3, 6, 6), float32), b.input((4, 3, 3, 3), float32)
    row, turned = b.input((6,), float32), b.input((2, 4, 6, 6), float32)
    y = conv.conv(x, w, None, (1, 1), ((1, 1), (1, 1)), (1, 1), 1)
    program = b.program([y + row, y * permute(turned, (0, 1, 3, 2))])
    inputs = [rng().normal(size=v.shape).astype(np.float32) for v in program.inputs]
    groups = agrees(program, inputs, np.float32)
    assert groups[0].kind == "special"
    assert len(groups[0].equations()) == 1


@pytest.mark.parametrize("threads", [1, 2])
@pytest.mark.parametrize("name", GEOMETRIES)
def test_the_update_is_applied_as_the_gradient_is_found(name, threads):
    """w ← w - 0.1·(gradient + 0.9·m), in place, in one kernel."""
    op, args = three(name, np.float32)[2]
    b = Builder()
    x, g = b.input(args[0].shape, float32), b.input(args[1].shape, float32)
    shape = op.shape(x.var.spec, g.var.spec, *args[2:])
    w, m = b.input(shape, float32), b.input(shape, float32)
    momentum = op(x, g, *args[2:]) + m * 0.9
    program = b.program([momentum, w - momentum * 0.1])
    given = [args[0], args[1], *rng().normal(size=(2, *shape)).astype(np.float32)]
    expected = interpret(program, given)
    inputs = [guarded(a, "end").reshape(a.shape) for a in given]
    strides = [tuple(s // a.itemsize for s in a.strides) for a in inputs]
    runner = NativeRunner(
        optimised(program), strides, [Role("update", 3), Role("update", 2)], threads=threads
    )
    (kernel,) = runner.assembled.kernels
    assert all(a.buffer.slot is not None for a in kernel.accesses)  # the gradient itself is nowhere
    runner(inputs)
    for got, want in zip((inputs[3], inputs[2]), expected):
        np.testing.assert_allclose(got, want, rtol=2e-5, atol=2e-4)


# ----- operands


@pytest.mark.parametrize("threads", [1, 2])
def test_operands_that_do_not_lie_in_order_are_copied(threads):
    b = Builder()
    x, w = b.input((6, 5, 4, 3), float32), b.input((3, 3, 3, 2), float32)
    y = conv.conv(
        permute(x, (0, 3, 1, 2)), permute(w, (3, 0, 2, 1)), None, (1, 1), ((1, 1), (1, 1)), (1, 1), 1
    )
    z, _ = pool.max_pool(permute(y, (0, 1, 3, 2)), (2, 2), (2, 2), (0, 0), (1, 1), False)
    program = b.program([z, total(y, (0, 2, 3), False)])
    inputs = [rng().normal(size=v.shape).astype(np.float32) for v in program.inputs]
    agrees(program, inputs, np.float32, threads=threads)


def test_part_of_a_batch_is_read_where_it_is():
    from chainrule.ops.index import part

    b = Builder()
    x, w = b.input((6, 2, 5, 5), float32), b.input((3, 2, 3, 3), float32)
    y = conv.conv(part(x, (slice(2, 5),)), w, None, (1, 1), ((0, 0), (0, 0)), (1, 1), 1)
    program = b.program([reshape(y, (3, 27)) * 2])
    inputs = [rng().normal(size=v.shape).astype(np.float32) for v in program.inputs]
    groups = agrees(program, inputs, np.float32)
    assert [g.kind for g in groups] == ["special"]


def test_results_go_straight_into_their_parts_of_a_concatenation():
    from chainrule.ops.join import cat

    b = Builder()
    x, w = b.input((2, 3, 5, 5), float32), b.input((4, 3, 3, 3), float32)
    y = conv.conv(x, w, None, (1, 1), ((1, 1), (1, 1)), (1, 1), 1)
    program = b.program([cat((x, relu(y)), 1, (3, 4)), cat((relu(y), y), 3, (5, 5))])
    inputs = [rng().normal(size=v.shape).astype(np.float32) for v in program.inputs]
    agrees(program, inputs, np.float32)


# ----- what is left to NumPy


def test_other_dimensions_and_dtypes_are_left_to_numpy():
    x, w = rng().normal(size=(2, 2, 4, 4, 4)), rng().normal(size=(3, 2, 2, 2, 2))
    three_dims = (None, (1, 1, 1), ((0, 0),) * 3, (1, 1, 1), 1)
    program, inputs = of_record(conv.conv, (x, w, *three_dims), np.dtype("float32"))
    agrees(program, inputs, np.float32, calls=1)
    whole = rng().integers(-9, 9, size=(2, 6, 6))
    program, inputs = of_record(pool.max_pool, (whole, *WINDOWS["paired"][1]), np.dtype("float32"))
    runner, outs = native(program, inputs)
    assert len(runner.assembled.calls) == 1
    for got, want in zip(outs, interpret(program, inputs)):
        np.testing.assert_array_equal(got, want)


def test_no_images_at_all():
    x, w = np.zeros((0, 3, 6, 6)), np.zeros((4, 3, 3, 3))
    program, inputs = of_record(conv.conv, (x, w, np.ones(4), *GEOMETRIES["1x1"][2]), np.dtype("float32"))
    _, (y,) = native(program, inputs)
    assert y.shape == (0, 4, 4, 4)


# ----- whole steps


def network(seed):
    cr.manual_seed(seed)
    nn = cr.nn
    return nn.Sequential(
        nn.Conv2d(1, 4, 5, padding=2), nn.ReLU(), nn.MaxPool2d(2),
        nn.Conv2d(4, 6, 3, stride=2), nn.ReLU(), nn.MaxPool2d(3, 1, 1),
        nn.Flatten(), nn.Linear(54, 10),
    )  # fmt: skip


def training(seed):
    model = network(seed)
    optimizer, criterion = cr.optim.Adam(model.parameters(), lr=1e-2), cr.nn.CrossEntropyLoss()

    def step(x, y):
        optimizer.zero_grad()
        loss = criterion(model(x), y)
        loss.backward()
        optimizer.step()
        return loss

    return model, step


@pytest.mark.parametrize("threads", [1, 2])
def test_training_a_network_compiled_and_eager(threads):
    model, step = training(3)
    other, plain = training(3)
    step = cr.compile(step, threads=threads)
    for i in range(10):
        source = np.random.default_rng(i)
        x = cr.from_numpy(source.normal(size=(9, 1, 14, 14)).astype(np.float32))
        y = cr.from_numpy(source.integers(0, 10, 9))
        np.testing.assert_allclose(step(x, y).item(), plain(x, y).item(), rtol=1e-5)
    for a, b in zip(model.parameters(), other.parameters()):
        np.testing.assert_allclose(a.detach().numpy(), b.detach().numpy(), rtol=1e-4, atol=1e-5)
    assert not step._any().runner.assembled.calls


@pytest.mark.parametrize("name", ["avx512", "avx2", "x86-64", "aarch64"])
def test_other_processors(name):
    t = target.named(name)
    cases = [case for g in ("odd", "stride", "groups", "1d") for case in three(g, np.float32)]
    cases += [(pool.max_pool, (rng().normal(size=(2, 3, *WINDOWS[w][0])), *WINDOWS[w][1])) for w in WINDOWS]
    runs = target.host().triple.startswith("x86_64") and t.width <= target.host().width
    for op, args in cases:
        program, inputs = of_record(op, args, np.dtype("float32"))
        if runs and name != "aarch64":
            agrees(program, inputs, np.float32, target=t)
            continue
        strides = [tuple(s // a.itemsize for s in a.strides) for a in inputs]
        roles = [("result", i) for i in range(len(program.outputs))]
        for text in assemble(optimised(program), strides, roles, t, 2).parts:
            assert engine.object_code(text, t, verify=True)
