# ruff: noqa
import torch
from torch.autograd import Variable

torch.manual_seed(0)
x = torch.linspace(-1, 1, 20).unsqueeze(1)
y = 3 * x + 2 + 0.1 * torch.randn(x.size())
w = torch.randn(1, 1, requires_grad=True)
b = torch.zeros(1, requires_grad=True)
print(x, y, w, b, sep="\n")
print(
    x.dtype,
    x.shape,
    x.size(),
    x.ndim,
    x.is_leaf,
    w.is_leaf,
    w.requires_grad,
    w.device,
    w.type(),
    x.type(),
)
for i in range(5):
    pred = x.mm(w) + b
    loss = ((pred - y) ** 2).mean()
    loss.backward()
    print(
        i,
        loss,
        loss.item(),
        w.grad,
        b.grad,
        f"{loss.item():.4f}",
        "loss: {:.3f}".format(loss),
        "%.4f" % loss.item(),
        "%.3f" % loss,
    )
    with torch.no_grad():
        w -= 0.1 * w.grad
        b -= 0.1 * b.grad
        w.grad.zero_()
        b.grad.zero_()
print(loss.grad_fn, loss.grad_fn.next_functions, loss.grad_fn.next_functions[0][0].next_functions)
print(pred.grad_fn, pred.grad_fn.next_functions[0][0].next_functions)
fn = loss.grad_fn
while fn is not None:
    print(fn.name())
    fn = fn.next_functions[0][0] if fn.next_functions else None
print(w.data, w.detach(), w.tolist(), b.item(), float(b), int(b), bool(b > 0))
v = Variable(torch.FloatTensor([[1, 2], [3, 4]]), requires_grad=True)
t = torch.mean(v * v)
t.backward()
print(v, v.grad, v.data.numpy(), t)
a1 = torch.tensor(20.0, requires_grad=True)
xt = torch.arange(1, 11, 2)
loss = torch.sum((a1 * xt - xt * 2) ** 2) / 2
loss.backward()
print(f"a1:{a1.data} grad:{a1.grad}, x: {xt}, {a1 * xt}", a1.grad.data)
a1.data = a1.data - a1.grad.data * 1e-4
print(a1)
if a1.grad:
    print("has grad")
x = torch.tensor([1.0, 2.0, 3.0], requires_grad=True)
y = x.sin() * x.exp() + x.log().sqrt() / x.tanh() - x**3 + 2**x - (-x).sigmoid()
print(y, y.grad_fn)
y.backward(torch.ones(3))
print(x.grad)
y = x * 2
for _ in range(4):
    y = y * 2
print(
    y.norm(),
    y.norm().grad_fn,
    y.sum().grad_fn,
    y.mean(0).grad_fn,
    y.max().grad_fn,
    y[0].grad_fn,
    y[1:].grad_fn,
    y.view(3, 1).grad_fn,
    y.t().grad_fn,
)
y.backward(torch.tensor([0.1, 1.0, 0.0001]))
print(x.grad)
for op in [
    x + 1,
    x - 1,
    1 - x,
    x / 2,
    1 / x,
    x @ x,
    x.relu(),
    x.abs(),
    x.clone(),
    x.pow(2),
    x.unsqueeze(0),
    x.exp(),
    torch.stack([x, x]),
    torch.cat([x, x]),
    x.softmax(0),
    x.log_softmax(0),
    x.cumsum(0),
    x.prod(),
    x.std(),
    x.var(),
    x.clamp(0, 1),
    torch.where(x > 1, x, 0 * x),
    x.reshape(-1, 1),
    x.reshape(3, 1).squeeze(),
    x.float(),
    x.double(),
    x.long(),
    x.expand(2, 3),
    x.repeat(2),
    torch.dot(x, x),
    x.sort()[0],
    x.topk(2)[0],
    x.flip(0),
    torch.outer(x, x),
    x.index_select(0, torch.tensor([0])),
    x[torch.tensor([0, 1])],
    x[x > 1],
    x.masked_fill(x > 1, 0.0),
    x.gather(0, torch.tensor([0])),
    torch.nn.functional.gelu(x),
    torch.nn.functional.mse_loss(x, x * 0),
    torch.nn.functional.softplus(x),
    torch.maximum(x, x * 2),
    x.chunk(3)[0],
    x.split(1)[0],
    x.unbind()[0],
    torch.nn.functional.dropout(x, 0.0),
    x.logsumexp(0),
    x.min(0)[0],
    x.argmax(),
    x.median(),
    x.round(),
    x.floor(),
    -x,
    x.neg(),
    torch.sign(x),
    x.atan2(x),
    x.rsqrt(),
    x.reciprocal(),
    x.square(),
    x.erf(),
    x.log1p(),
    x.lerp(x, 0.5),
    torch.bmm(x.view(1, 1, 3), x.view(1, 3, 1)),
]:
    print(op)
