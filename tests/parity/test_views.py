"""Views, in-place changes of them and their gradients, against PyTorch on random programs."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import chainrule as cr

torch = pytest.importorskip("torch", reason="the values to agree with")

VIEWS = {
    "t": lambda x: x.t() if x.ndim == 2 else x.transpose(0, -1),
    "flatten": lambda x: x.flatten() if x.is_contiguous() else x[...],
    "reshape": lambda x: x.view(-1, 1) if x.is_contiguous() else x.unsqueeze(0),
    "unsqueeze": lambda x: x.unsqueeze(-1),
    "squeeze": lambda x: x.squeeze(),
    "select": lambda x: x.select(0, 0) if x.ndim > 1 else x[:],
    "narrow": lambda x: x.narrow(0, 0, 1) if x.ndim else x[...],
    "slice": lambda x: x[..., 1:] if x.ndim and x.shape[-1] > 1 else x[...],
    "step": lambda x: x[::2] if x.ndim else x[...],
    "diagonal": lambda x: x.diagonal() if x.ndim == 2 else x[None],
    "unfold": lambda x: x.unfold(0, 1, 1) if x.ndim else x[...],
    "chunk": lambda x: x.chunk(2)[-1] if x.ndim else x[...],
    "unbind": lambda x: x.unbind(0)[-1] if x.ndim > 1 else x[...],
    "permute": lambda x: x.permute(tuple(reversed(range(x.ndim)))),
    "movedim": lambda x: x.movedim(0, -1) if x.ndim else x[...],
    "expand": lambda x: x.expand_as(x),
}
CHANGES = {
    "mul": lambda x, w: x.mul_(w),
    "add": lambda x, w: x.add_(w * 2),
    "fill": lambda x, w: x.fill_(3.0),
    "zero": lambda x, w: x.zero_(),
    "copy": lambda x, w: x.copy_(w.expand_as(x)),
    "set": lambda x, w: x.__setitem__(..., w * 5),
    "square": lambda x, w: x.mul_(x.detach().clone()),
}
# PyTorch refuses in-place changes where these made a view; here they work, and must equal the same view made
# otherwise.
FOR_TORCH = VIEWS | {
    "chunk": lambda x: x[x.shape[0] - (x.shape[0] // 2 or 1) :] if x.ndim else x[...],
    "unbind": lambda x: x.select(0, -1) if x.ndim > 1 else x[...],
}


def run(m, program, shape, grad):
    """Run a program of views and in-place changes; all tensors' values and the leaves' gradients."""
    values = np.linspace(0.5, 2.0, int(np.prod(shape)), dtype=np.float64).reshape(shape)
    leaf = m.tensor(values, requires_grad=grad)
    w = m.tensor(1.25, dtype=m.float64, requires_grad=grad)
    tensors, views = [leaf * 1.0], VIEWS if m is cr else FOR_TORCH
    for source, kind, name in program:
        i = source % len(tensors)
        if kind == "view":
            tensors.append(views[name](tensors[i]))
        else:
            CHANGES[name](tensors[i], w)
    out = [t.detach().numpy().copy() for t in tensors]
    if not grad:
        return out
    total = sum(((k + 1) * t * t).sum() for k, t in enumerate(tensors))
    total.backward()
    grads = [np.zeros(g.shape) if g.grad is None else g.grad.numpy() for g in (leaf, w)]
    return out + grads


steps = st.tuples(
    st.integers(0, 7),
    st.just("view"), st.sampled_from(sorted(VIEWS)),
) | st.tuples(st.integers(0, 7), st.just("change"), st.sampled_from(sorted(CHANGES)))  # fmt: skip


@settings(max_examples=200, deadline=None)
@given(
    st.lists(steps, min_size=1, max_size=7), st.sampled_from([(2, 3), (4,), (3, 3), (2, 1, 3)]), st.booleans()
)
def test_views_and_in_place_changes_agree(program, shape, grad):
    for ours, theirs in zip(run(cr, program, shape, grad), run(torch, program, shape, grad), strict=True):
        assert ours.shape == theirs.shape
        np.testing.assert_allclose(ours, theirs, rtol=1e-9)


@pytest.mark.parametrize("name", sorted(VIEWS))
def test_a_view_shares_memory(name):
    x = cr.arange(6.0).reshape(2, 3)
    y = VIEWS[name](x)
    y.fill_(-1.0)
    theirs = torch.arange(6.0).reshape(2, 3)
    VIEWS[name](theirs).fill_(-1.0)
    np.testing.assert_array_equal(x.numpy(), theirs.numpy())


def test_view_refuses_what_would_need_a_copy():
    with pytest.raises(RuntimeError, match="view size is not compatible with input tensor's size and stride"):
        cr.zeros(2, 3).t().view(6)
    assert cr.zeros(2, 3).t().reshape(6).shape == (6,)


def test_changing_a_view_of_a_leaf_is_refused():
    leaf = cr.ones(2, 3, requires_grad=True)
    with pytest.raises(RuntimeError, match="a view of a leaf Variable that requires grad"):
        leaf[0].mul_(2)


@pytest.mark.parametrize("change", ["t_", "unsqueeze_", "squeeze_", "transpose_"])
def test_restructuring_keeps_older_views(change):
    args = {"unsqueeze_": (0,), "transpose_": (0, 1)}.get(change, ())
    results = []
    for m in (cr, torch):
        w = m.tensor(3.0, requires_grad=True)
        root = m.ones(2, 3) * w
        part = root[0]
        getattr(root, change)(*args)
        root.mul_(2.0)
        (part * part).sum().backward()
        results.append((root.detach().numpy(), part.detach().numpy(), w.grad.item()))
    ours, theirs = results
    np.testing.assert_array_equal(ours[0], theirs[0])
    np.testing.assert_array_equal(ours[1], theirs[1])
    assert ours[2] == theirs[2]
