# ruff: noqa
import torch, math
from torch.autograd import Function


class LegendrePolynomial3(torch.autograd.Function):
    @staticmethod
    def forward(ctx, input):
        ctx.save_for_backward(input)
        return 0.5 * (5 * input**3 - 3 * input)

    @staticmethod
    def backward(ctx, grad_output):
        (input,) = ctx.saved_tensors
        return grad_output * 1.5 * (5 * input**2 - 1)


dtype = torch.float
device = torch.device("cpu")
x = torch.linspace(-math.pi, math.pi, 200, device=device, dtype=dtype)
y = torch.sin(x)
a, b, c, d = (
    torch.full((), v, device=device, dtype=dtype, requires_grad=True) for v in (0.0, -1.0, 0.0, 0.3)
)
lr = 5e-6
for t in range(100):
    P3 = LegendrePolynomial3.apply
    y_pred = a + b * P3(c + d * x)
    loss = (y_pred - y).pow(2).sum()
    if t % 25 == 0:
        print(t, loss.item(), y_pred.grad_fn, P3(x + a)[:2])
    loss.backward()
    with torch.no_grad():
        for p in (a, b, c, d):
            p -= lr * p.grad
            p.grad = None
print(f"Result: y = {a.item()} + {b.item()} * P3({c.item()} + {d.item()} x)")


class MyReLU(Function):
    @staticmethod
    def forward(ctx, x, slope=0.1):
        ctx.slope = slope
        ctx.save_for_backward(x)
        return x.clamp(min=0) + slope * x.clamp(max=0)

    @staticmethod
    def backward(ctx, g):
        (x,) = ctx.saved_tensors
        print("in backward", g, ctx.needs_input_grad)
        gx = g.clone()
        gx[x < 0] *= ctx.slope
        return gx, None


x = torch.tensor([-1.0, 2.0, -3.0], requires_grad=True)
y = MyReLU.apply(x, 0.2)
print(y)
y.sum().backward()
print(x.grad)
print(
    torch.autograd.gradcheck(
        lambda v: LegendrePolynomial3.apply(v), torch.randn(3, dtype=torch.double, requires_grad=True)
    )
)


class STE(Function):
    @staticmethod
    def forward(ctx, i):
        return i.round()

    @staticmethod
    def backward(ctx, g):
        return g


x = torch.tensor([0.3, 1.7], requires_grad=True)
(STE.apply(x) ** 2).sum().backward()
print(x.grad)


class Bad(Function):
    @staticmethod
    def forward(ctx, a, b):
        return a * b

    @staticmethod
    def backward(ctx, g):
        return g


try:
    Bad.apply(x, x).sum().backward()
except RuntimeError as e:
    print(e)


class Exp(Function):
    @staticmethod
    def forward(ctx, i):
        r = i.exp()
        ctx.save_for_backward(r)
        ctx.mark_non_differentiable(r > 1)
        return r

    @staticmethod
    @torch.autograd.function.once_differentiable
    def backward(ctx, g):
        return g * ctx.saved_tensors[0]


print(Exp.apply(x))
# hooks
import torch.nn as nn

torch.manual_seed(0)
net = nn.Sequential(nn.Linear(3, 4), nn.ReLU(), nn.Linear(4, 2))
acts = {}


def get(name):
    def hook(m, i, o):
        acts[name] = o.detach()
        print(name, type(m).__name__, [tuple(t.shape) for t in i], tuple(o.shape))

    return hook


hs = [l.register_forward_hook(get(f"layer{i}")) for i, l in enumerate(net)]


def bh(m, gi, go):
    print("bwd", m.__class__.__name__, [None if g is None else tuple(g.shape) for g in gi], go[0].norm())


hs += [l.register_full_backward_hook(bh) for l in net]
v = torch.randn(2, 3)
out = net(v)
h = out.register_hook(lambda g: print("grad of out", g))
out.sum().backward()
print(acts["layer1"])
[h.remove() for h in hs]
print(net(v))
x = torch.ones(2, requires_grad=True)
y = x * 3
y.retain_grad()
y.register_hook(lambda g: g * 2)
(y**2).sum().backward()
print(x.grad, y.grad, y.is_leaf, x.is_leaf)
print(net[0].weight.grad.norm(), net.register_forward_pre_hook(lambda m, i: (i[0] * 0,)) is not None, net(v))
g = {n: p.grad.abs().mean().item() for n, p in net.named_parameters()}
print(g)
