"""What the optimizers refuse, word for word."""

import pytest

import chainrule as cr
from chainrule import optim
from chainrule.optim.optimizer import required


def leaf(values):
    return cr.tensor(values, dtype=cr.float64, requires_grad=True)


P = leaf([1.0])
REFUSED = [
    (lambda: optim.SGD([]), ValueError, "optimizer got an empty parameter list"),
    (
        lambda: optim.SGD(cr.zeros(1)),
        TypeError,
        "params argument given to the optimizer should be an iterable of Tensors "
        "or dicts, but got torch.FloatTensor",
    ),
    (
        lambda: optim.SGD([P, 3]),
        TypeError,
        "optimizer can only optimize Tensors, but one of the params is int",
    ),
    (lambda: optim.SGD([P * 2]), ValueError, "can't optimize a non-leaf Tensor"),
    (
        lambda: optim.SGD([{"params": {P}}]),
        TypeError,
        "optimizer parameters need to be organized in ordered collections, "
        "but the ordering of tensors in sets will change between runs. Please use a list instead.",
    ),
    (
        lambda: optim.SGD([{"params": P}, {"params": P}]),
        ValueError,
        "some parameters appear in more than one parameter group",
    ),
    (
        lambda: optim.SGD([("a", P), leaf([1.0])]),
        ValueError,
        "all optimizer params should be with/without names. Some param names are missing",
    ),
    (
        lambda: optim.SGD([("a", P)]).add_param_group({"params": leaf([1.0])}),
        ValueError,
        "all optimizer param groups should "
        "be with/without names. cannot add param group without names to the optimizer",
    ),
    (
        lambda: optim.SGD([P]).add_param_group(3),
        TypeError,
        "param_group must be a dict, but got <class 'int'>",
    ),
    (
        lambda: optim.Optimizer([P], {"lr": required}),
        ValueError,
        "parameter group didn't specify a value of required optimization parameter lr",
    ),
    (lambda: optim.Optimizer([P], {}).step(), NotImplementedError, "Optimizer does not define step()"),
    (lambda: optim.SGD([P], lr=-1), ValueError, "Invalid learning rate: -1"),
    (lambda: optim.SGD([P], lr=cr.zeros(2)), ValueError, "Tensor lr must be 1-element"),
    (lambda: optim.SGD([P], momentum=-1), ValueError, "Invalid momentum value: -1"),
    (
        lambda: optim.SGD([P], nesterov=True),
        ValueError,
        "Nesterov momentum requires a momentum and zero dampening",
    ),
    (
        lambda: optim.SGD([P], fused=True, differentiable=True),
        RuntimeError,
        "`fused` does not support `differentiable`",
    ),
    (
        lambda: optim.SGD([P], fused=True, foreach=True),
        RuntimeError,
        "`fused` and `foreach` cannot be `True` together.",
    ),
    (lambda: optim.Adam([P], betas=(0.9, 1.0)), ValueError, "Invalid beta parameter at index 1: 1.0"),
    (
        lambda: optim.Adam([P], betas=(0.9, cr.tensor(0.9))),
        ValueError,
        "betas must be either both floats or both Tensors",
    ),
    (
        lambda: optim.Adam([P], lr=cr.tensor(0.1), foreach=True),
        ValueError,
        "lr as a Tensor is not supported for capturable=False and foreach=True",
    ),
    (
        lambda: optim.Adam([P], betas=(cr.zeros(2), cr.zeros(2))),
        RuntimeError,
        "Boolean value of Tensor with more than one value is ambiguous",
    ),
    (lambda: optim.Rprop([P], etas=(1.5, 1.2)), ValueError, "Invalid eta values: 1.5, 1.2"),
    (lambda: optim.Adadelta([P], rho=2.0), ValueError, "Invalid rho value: 2.0"),
    (lambda: optim.Adafactor([P], lr=-1), ValueError, "Learning rate should be >= 0 but is: -1"),
    (lambda: optim.Adafactor([P], lr=cr.zeros(2)), ValueError, "Tensor lr must be 1-element"),
    (lambda: optim.Adafactor([P], beta2_decay=1), ValueError, "beta2_decay should be <= 0 but is: 1"),
    (lambda: optim.Adafactor([P], eps=(-1, 0)), ValueError, "epsilon1 should be >= 0 but is: -1"),
    (lambda: optim.Adafactor([P], d=0.5), ValueError, "Clipping threshold d should be >= 1 but is: 0.5"),
    (lambda: optim.Adafactor([P], weight_decay=-1), ValueError, "weight_decay should be >= 0 but is: -1"),
    (
        lambda: optim.Muon([P]),
        ValueError,
        "Muon only supports 2D parameters whereas we found a parameter with size: torch.Size([1])",
    ),
    (lambda: optim.Muon([P], lr=-1), ValueError, "Learning rate should be >= 0 but is: -1"),
    (lambda: optim.Muon([P], lr=cr.zeros(2)), ValueError, "Tensor lr must be 1-element"),
    (lambda: optim.Muon([P], momentum=-1), ValueError, "momentum should be >= 0 but is: -1"),
    (lambda: optim.Muon([P], weight_decay=-1), ValueError, "weight decay should be >= 0 but is: -1"),
    (
        lambda: optim.Muon([P], adjust_lr_fn="x"),
        ValueError,
        "Adjust learning rate function x is not supported",
    ),
    (
        lambda: optim.LBFGS([{"params": P}, {"params": leaf([1.0])}]),
        ValueError,
        "LBFGS doesn't support per-parameter options (parameter groups)",
    ),
    (lambda: searched("backtracking"), RuntimeError, "only 'strong_wolfe' is supported"),
    (
        lambda: optim.SGD([P]).load_state_dict({"state": {}, "param_groups": []}),
        ValueError,
        "loaded state dict has a different number of parameter groups",
    ),
    (
        lambda: optim.SGD([P]).load_state_dict(optim.SGD([P, leaf([1.0])]).state_dict()),
        ValueError,
        "loaded state dict contains a parameter group that doesn't match the size of optimizer's group",
    ),
    (
        lambda: orthogonal(ns_steps=100),
        ValueError,
        "Number of steps must be less than 100 for computational efficiency",
    ),
    (
        lambda: orthogonal(ns_coefficients=(1, 2)),
        ValueError,
        "Coefficients must be a tuple of exactly 3 values",
    ),
    (lambda: imaginary(optim.Muon), RuntimeError, "Muon does not support complex parameters"),
    (lambda: imaginary(optim.Adafactor), RuntimeError, "Adafactor does not support complex parameters"),
]


def searched(kind):
    p = leaf([1.0])

    def closure():
        loss = (p * p).sum()
        loss.backward()
        return loss

    optim.LBFGS([p], line_search_fn=kind).step(closure)


def orthogonal(**kwargs):
    p = leaf([[1.0, 2.0]])
    p.grad = cr.ones(1, 2, dtype=cr.float64)
    optim.Muon([p], **kwargs).step()


def imaginary(kind):
    p = cr.ones(1, 2, dtype=cr.complex64, requires_grad=True)
    p.grad = cr.ones(1, 2, dtype=cr.complex64)
    kind([p]).step()


@pytest.mark.parametrize(("call", "error", "text"), REFUSED, ids=range(len(REFUSED)))
def test_errors_word_for_word(call, error, text):
    with pytest.raises(error) as caught:
        call()
    assert str(caught.value) == text
