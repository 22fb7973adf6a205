# ruff: noqa
import torch
from torch.distributions import (
    Normal,
    Categorical,
    Bernoulli,
    Uniform,
    Independent,
    MultivariateNormal,
    Exponential,
    Laplace,
    Poisson,
    OneHotCategorical,
    kl_divergence,
)
from torch.distributions.categorical import Categorical as C2
import torch.distributions as D

torch.manual_seed(0)
loc = torch.tensor([0.5, -1.0, 2.0], requires_grad=True)
sc = torch.tensor([1.0, 0.5, 2.0], requires_grad=True)
lg = torch.randn(4, 3, requires_grad=True)
ds = [
    Normal(loc, sc),
    Normal(0.0, 1.0),
    Normal(0, 1),
    Categorical(logits=lg),
    Categorical(torch.tensor([0.1, 0.2, 0.7])),
    Bernoulli(torch.tensor([0.3, 0.6])),
    Bernoulli(logits=loc),
    Bernoulli(0.4),
    Uniform(-1.0, 3.0),
    Uniform(loc.detach(), loc.detach() + 2),
    Independent(Normal(loc, sc), 1),
    MultivariateNormal(loc, torch.eye(3) * 2 + 0.3),
    MultivariateNormal(torch.zeros(2), scale_tril=torch.tensor([[1.0, 0], [0.5, 2.0]])),
    MultivariateNormal(torch.zeros(2, 2), precision_matrix=torch.tensor([[2.0, 0.1], [0.1, 1.0]])),
    Exponential(torch.tensor([1.0, 2.0])),
    Laplace(loc, sc),
    Poisson(torch.tensor([1.0, 4.0])),
    OneHotCategorical(logits=lg),
    OneHotCategorical(torch.tensor([0.5, 0.5])),
]
for d in ds:
    s = d.sample()
    s2 = d.sample((2,))
    s3 = d.sample(torch.Size([2, 2]))
    print(
        d,
        s,
        s2.shape,
        s2.dtype,
        s3,
        d.log_prob(s),
        d.log_prob(s2).shape,
        d.batch_shape,
        d.event_shape,
        d.has_rsample,
        d.support if not isinstance(d, Uniform) else "",
        d.mean,
        d.variance,
        d.stddev,
    )
    if not isinstance(d, Poisson):
        print(d.entropy(), d.perplexity())
    if d.has_rsample:
        print(d.rsample((2,)))
    print(
        d.mode,
        kl_divergence(d, d).abs().max() < 1e-5,
        d.expand((2,) + tuple(d.batch_shape)).sample().shape,
        torch.rand(1),
    )
    if d.has_enumerate_support:
        print(d.enumerate_support(), d.enumerate_support(expand=False).shape)
    if isinstance(d, (Normal, Uniform, Exponential, Laplace)):
        print(d.cdf(d.mean), d.icdf(torch.tensor(0.3)))
print(
    kl_divergence(Normal(loc, sc), Normal(0.0, 1.0)),
    kl_divergence(Categorical(logits=lg), Categorical(torch.ones(3))),
    kl_divergence(Bernoulli(0.3), Bernoulli(0.5)),
    kl_divergence(Uniform(0.0, 1.0), Uniform(0.0, 2.0)),
    kl_divergence(Laplace(0.0, 1.0), Laplace(1.0, 2.0)),
    kl_divergence(Exponential(1.0), Exponential(2.0)),
    kl_divergence(ds[11], MultivariateNormal(torch.zeros(3), torch.eye(3))),
    kl_divergence(Poisson(1.0), Poisson(2.0)),
    kl_divergence(Independent(Normal(loc, sc), 1), Independent(Normal(loc * 0, sc), 1)),
)


def t(f):
    try:
        print(f())
    except Exception as e:
        print(type(e).__name__, str(e).split(", but got")[0])


t(lambda: Normal(0.0, -1.0))
t(lambda: Normal(torch.tensor([float("nan")]), 1.0))
t(lambda: Categorical(torch.tensor([0.1, 0.2])).log_prob(torch.tensor(2)))
t(lambda: Categorical())
t(lambda: Categorical(logits=torch.tensor([float("nan"), 0.0])))
t(lambda: Categorical(torch.tensor([-0.1, 0.5])))
t(lambda: Bernoulli(1.5))
t(lambda: Bernoulli(0.5).log_prob(torch.tensor(0.5)))
t(lambda: Categorical(torch.tensor(0.5)))
t(lambda: Uniform(1.0, 0.0))
t(lambda: Normal(torch.zeros(2), 1.0).log_prob(torch.zeros(3)))
t(lambda: Normal(0.0, 1.0).log_prob(0.0))
t(lambda: Independent(Normal(0.0, 1.0), 1))
t(lambda: MultivariateNormal(torch.zeros(2), torch.tensor([[1.0, 2.0], [2.0, 1.0]])))
lp = Categorical(logits=lg).log_prob(torch.tensor([0, 1, 2, 0]))
print(lp)
(
    -(lp * torch.tensor([1.0, 2.0, 3.0, 4.0])).mean() - 0.01 * Categorical(logits=lg).entropy().mean()
).backward()
print(lg.grad)
x = Normal(loc, sc).rsample()
x.sum().backward()
print(loc.grad, sc.grad)
print(
    issubclass(Normal, D.Distribution),
    C2 is Categorical,
    D.constraints.positive,
    D.kl.kl_divergence is kl_divergence,
    D.Categorical(logits=lg.detach()).probs.sum(-1),
)
