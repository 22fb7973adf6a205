"""The six confusions PyTorch is known for: each message word for word, with the user's own lines in it."""

from __future__ import annotations

import linecache
import warnings

import pytest

import chainrule as cr


def run(source: str) -> str:
    """Run a program of numbered lines from a file named user.py, and return the error's or warning's text."""
    linecache.cache["user.py"] = (len(source), None, source.splitlines(True), "user.py")
    code = compile(source, "user.py", "exec")
    with warnings.catch_warnings():
        warnings.simplefilter("error", UserWarning)
        with pytest.raises((RuntimeError, UserWarning)) as caught:
            exec(code, {"torch": cr, "__name__": "__main__"})
    return str(caught.value)


def test_grad_of_a_non_leaf() -> None:
    assert run(
        "x = torch.tensor([1.0], requires_grad=True)\ny = x * 2\ny.sum().backward()\nprint(y.grad)\n"
    ) == (
        "The .grad attribute of a Tensor that is not a leaf Tensor is being accessed. "
        "Its .grad attribute won't be populated during autograd.backward().\n"
        "  came:     the result of MulBackward0, made at user.py:2: y = x * 2\n"
        "  expected: a leaf: a tensor made by the user with requires_grad=True\n"
        "  fix:      call .retain_grad() on it before backward(), or read .grad of the leaf "
        "it was computed from"
    )


def test_backward_a_second_time() -> None:
    assert run(
        "x = torch.tensor([1.0], requires_grad=True)\ny = x.exp()\ny.sum().backward()\ny.sum().backward()\n"
    ) == (
        "Trying to backward through the graph a second time (or directly access saved tensors "
        "after they have already been freed).\n"
        "  came:     ExpBackward0, recorded at user.py:2: y = x.exp(); "
        "an earlier backward() has freed what it saved\n"
        "  expected: one backward() through each recorded operation\n"
        "  fix:      run the forward pass again, or detach() a value carried over from the step before "
        "(a hidden state), or call the first backward with retain_graph=True"
    )


@pytest.mark.parametrize(
    ("middle", "op", "saved", "changed"),
    [
        ("y = x.exp()\ny += 1\n", "ExpBackward0", "user.py:2: y = x.exp()", "user.py:3: y += 1"),
        (
            "z = x * 1\ny = z ** 2\nz.mul_(3)\n",
            "PowBackward0",
            "user.py:3: y = z ** 2",
            "user.py:4: z.mul_(3)",
        ),
        ("y = x.exp()\ny[0] = 5\n", "ExpBackward0", "user.py:2: y = x.exp()", "user.py:3: y[0] = 5"),
    ],
)
def test_in_place_change_of_a_saved_value(middle: str, op: str, saved: str, changed: str) -> None:
    assert run(f"x = torch.tensor([1.0], requires_grad=True)\n{middle}y.sum().backward()\n") == (
        "one of the variables needed for gradient computation has been modified by an inplace operation\n"
        f"  came:     a value that {op} saved at {saved}, changed at {changed}\n"
        "  expected: the value of the forward pass: the derivative is computed from it\n"
        "  fix:      write the change out of place (x = x + 1 instead of x += 1), or change a clone()"
    )


def test_leaf_modified_in_place() -> None:
    assert run("w = torch.zeros(2, 3, requires_grad=True)\nw -= 0.1\n") == (
        "a leaf Variable that requires grad is being used in an in-place operation.\n"
        "  came:     a leaf of shape (2, 3), changed at user.py:2: w -= 0.1\n"
        "  expected: leaves keep the values that the recorded operations were computed from\n"
        "  fix:      wrap an update in `with torch.no_grad():`, or compute a new tensor (w = w - lr * g)"
    )


def test_backward_of_a_non_scalar() -> None:
    assert run("x = torch.ones(3, requires_grad=True)\ny = x * 2\ny.backward()\n") == (
        "grad can be implicitly created only for scalar outputs\n"
        "  came:     backward() on a tensor of shape (3,), made at user.py:2: y = x * 2\n"
        "  expected: one number, or a `gradient` of the same shape: the v in the product vᵀJ\n"
        "  fix:      reduce it first, as in loss.sum().backward(), or pass backward(gradient=v)"
    )


def test_nothing_requires_grad() -> None:
    assert run("x = torch.ones(3)\nx.sum().backward()\n") == (
        "element 0 of tensors does not require grad and does not have a grad_fn\n"
        "  came:     a tensor of shape (), computed only from tensors with requires_grad=False, "
        "or under no_grad(), or detached\n"
        "  expected: a result of at least one tensor with requires_grad=True\n"
        "  fix:      make the parameters with requires_grad=True and compute the result outside no_grad()"
    )


def test_anomaly_names_the_forward_line() -> None:
    text = run(
        "x = torch.tensor([0.0], requires_grad=True)\nwith torch.autograd.detect_anomaly():\n"
        "    y = torch.sqrt(x)\n    z = y * 0\n    z.sum().backward()\n"
    )
    assert text.startswith("Function 'SqrtBackward0' returned nan values in its 0th output.")
    assert "user.py:3: y = torch.sqrt(x)" in text
