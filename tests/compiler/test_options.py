"""The options of compile(): those of PyTorch, and how many threads a step gets."""

import pytest

import chainrule as cr
from chainrule.compiler import threads


def test_the_options_of_torch_compile_are_understood():
    x = cr.tensor([1.0, 2.0])
    for options in (
        {"mode": "reduce-overhead"}, {"fullgraph": True}, {"dynamic": False}, {"backend": "inductor"},
        {"backend": "eager"}, {"options": {"trace.enabled": True}},
    ):  # fmt: skip
        assert cr.compile(lambda x: x * 2, **options)(x).tolist() == [2.0, 4.0]
    assert cr.compile(x.sum, disable=True) == x.sum
    assert cr.compile(mode="default")(lambda x: x + 1)(x).tolist() == [2.0, 3.0]
    with pytest.raises(ValueError, match="backend='cudagraphs'"):
        cr.compile(x.sum, backend="cudagraphs")
    with pytest.raises(ValueError, match="mode='fast'"):
        cr.compile(x.sum, mode="fast")


@pytest.mark.skipif(threads.processors() < 2, reason="one processor")
def test_a_step_uses_the_threads_that_it_may_have_where_they_pay():
    def kernels_on(n, size):
        before = cr.get_num_threads()
        cr.set_num_threads(n)
        try:
            step = cr.compile(lambda x: (x @ x).relu())
            step(cr.ones(size, size))
            return step.report().split("\n")[0].split("kernels on ")[1]
        finally:
            cr.set_num_threads(before)

    assert kernels_on(2, 8) == "1 thread"
    assert kernels_on(1, 512) == "1 thread"
    assert kernels_on(2, 512) == "2 threads"
