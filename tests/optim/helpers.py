"""What the optimizer tests share: a configuration of each kind, leaves, and steps on given gradients."""

import numpy as np

import chainrule as cr
from chainrule import optim

STATE = {
    "SGD": {"momentum": 0.9}, "Adam": {"amsgrad": True}, "AdamW": {}, "Adamax": {}, "NAdam": {}, "RAdam": {},
    "RMSprop": {"momentum": 0.9, "centered": True}, "Rprop": {}, "Adagrad": {}, "Adadelta": {}, "ASGD": {},
}  # fmt: skip
KINDS = [*STATE, "Adafactor"]


def leaf(values):
    return cr.tensor(values, dtype=cr.float64, requires_grad=True)


def leaves(seed=0, shapes=((3, 2), (4,), ())):
    rng = np.random.default_rng(seed)
    return [cr.tensor(rng.normal(size=s), requires_grad=True) for s in shapes]


def give_gradients(params, seed):
    rng = np.random.default_rng(seed)
    for p in params:
        p.grad = cr.tensor(rng.normal(size=tuple(p.shape)))


def stepped(optimizer, params, seeds):
    for seed in seeds:
        give_gradients(params, seed)
        optimizer.step()
    return [p.tolist() for p in params]


def make(name, params, **kwargs):
    return getattr(optim, name)(params, **STATE.get(name, {}), **kwargs)
