# ruff: noqa
import torch, numpy as np

torch.manual_seed(0)
P = print
for t in [
    torch.tensor([]),
    torch.empty(0, 3),
    torch.tensor(3),
    torch.tensor(3.0),
    torch.tensor(True),
    torch.tensor([True, False]),
    torch.tensor([1, -2, 300]),
    torch.tensor([1.0, 2.0, 3.0]),
    torch.tensor([1.5, 2, 3]),
    torch.tensor([1e-8, 1.0, 1e5]),
    torch.tensor([1e10, 1.0]),
    torch.tensor([float("nan"), float("inf"), -1.0]),
    torch.tensor([1e-5]),
    torch.tensor(1e-10),
    torch.tensor(123456789.0),
    torch.arange(2000),
    torch.randn(3, 4, 5),
    torch.zeros(100, 100),
    torch.randn(30, 40),
    torch.tensor([1 + 2j, 3.5 - 1j]),
    torch.ones(2, dtype=torch.float16),
    torch.ones(2, dtype=torch.bfloat16),
    torch.ones(2, dtype=torch.uint8),
    torch.ones(2, dtype=torch.double) / 3,
    torch.rand(2, 1, 2, 1),
    torch.tensor([[1.0, -1.0], [1000.0, 1e-3]]),
    torch.full((2,), 1 / 3, requires_grad=True),
    torch.tensor([0.1 + 0.2]),
    torch.arange(0, 1, 0.1),
    torch.linspace(0, 1, 11),
    torch.tensor([1e38, 1e-38]),
    torch.tensor(-0.0),
    torch.eye(3).int(),
    torch.randn(2, 2).to(torch.int8),
    torch.tensor([[]]),
    torch.zeros(3, 0),
]:
    P(t)
x = torch.tensor([3.14159, 2.71828])
P(
    f"{x}",
    f"{x[0]}",
    f"{x[0]:.2f}",
    f"{x[0].item():>10.3f}",
    "{}".format(x),
    "%s" % x,
    f"{x.sum():8.3e}",
    f"{torch.tensor(5)}",
    f"{torch.tensor(5):d}",
    f"{torch.tensor(5):05d}",
    f"{torch.tensor(0.123):.1%}",
    str(x),
    repr(x),
    [x, x],
    {"a": x[0]},
    (x[0],),
)
torch.set_printoptions(precision=2)
P(x)
torch.set_printoptions(sci_mode=True)
P(x)
torch.set_printoptions(profile="default", sci_mode=False)
P(torch.tensor([1e-6, 1]))
torch.set_printoptions(profile="default")
torch.set_printoptions(threshold=10, edgeitems=2, linewidth=60)
P(torch.arange(100.0).view(10, 10))
torch.set_printoptions(profile="default")
P(
    x.shape,
    x.size(0),
    len(x),
    x.numel(),
    x.dim(),
    x.dtype,
    x.device,
    x.layout,
    x.stride(),
    x.is_contiguous(),
    x.storage_offset(),
    x.element_size(),
    x.nelement(),
    torch.Size([2, 3]),
    torch.Size([2, 3]).numel(),
    tuple(torch.ones(2, 3).shape),
    torch.ones(2, 3).shape[1],
    torch.float32,
    torch.finfo(torch.float32).eps,
    torch.iinfo(torch.int32).max,
    torch.get_default_dtype(),
)
# numpy
a = np.array([1, 2, 3])
t = torch.from_numpy(a)
a[0] = 10
P(
    t,
    t.dtype,
    t.numpy(),
    np.exp(torch.tensor([0.0, 1.0])),
    np.array(torch.ones(2)),
    torch.tensor(a),
    torch.as_tensor(a).dtype,
    torch.tensor(np.float64(3)),
    torch.tensor(np.ones(2)),
    t + 1,
    torch.Tensor(a),
    torch.FloatTensor(a),
    torch.from_numpy(np.stack([a, a])),
    type(t.numpy()),
    np.mean(x.numpy()),
    x.numpy().dtype,
)
n = np.random.RandomState(0).rand(2, 2)
P(torch.tensor(n), torch.from_numpy(n).float(), torch.Tensor(n), x.cpu().detach().numpy().tolist())
# inplace & views
b = torch.ones(2, 3)
c = b
c[0, 0] = 5
d = b.clone()
d += 1
P(b, d, b.add_(1), b.mul_(2).sub_(1), b.T.shape, b.data_ptr() == c.data_ptr(), id(b) == id(c))
v = b.view(-1)
v[0] = 100
P(
    b,
    v.is_contiguous(),
    b.t().is_contiguous(),
    b.reshape(-1).shape,
    b.zero_(),
    b.fill_(3.0),
    b.uniform_().shape,
)
# index
z = torch.arange(24).view(2, 3, 4)
P(
    z[0],
    z[:, 1],
    z[..., -1],
    z[0, 1:, ::2],
    z[:, [0, 2]],
    z[z > 20],
    z[[0, 1], [1, 2], [2, 3]],
    z[None].shape,
    z[:, None, :, 0].shape,
    z[-1, -1, -1],
    z[torch.tensor([True, False])],
    (z % 2 == 0).sum(),
    torch.nonzero(z[0] > 5),
    torch.where(z[0] > 5),
    torch.where(z[0] > 5, z[0], 0),
    z.masked_select(z < 3),
    torch.take(z, torch.tensor([0, 5])),
    z.index_select(2, torch.tensor([0, 3])).shape,
    z.gather(2, torch.tensor([[[0], [1], [2]]])),
    z.permute(2, 0, 1).shape,
    z.transpose(0, 2).shape,
    z.flatten(1).shape,
    z.unflatten(2, (2, 2)).shape,
    z.movedim(0, -1).shape,
    z.squeeze().shape,
    z.unsqueeze(-1).shape,
    z.narrow(1, 0, 2).shape,
)
y = torch.zeros(3, 5)
y.scatter_(1, torch.tensor([[0], [2], [4]]), 1.0)
P(
    y,
    y.index_fill(0, torch.tensor([0]), 7),
    y.scatter_add(0, torch.tensor([[0, 1, 2, 0, 1]]), torch.ones(1, 5)),
)
y[1] = torch.arange(5)
y[:, 2] = -1
y[y == 0] = 9
y[0, 1:3] += 10
P(y)
y[torch.tensor([0, 1]), torch.tensor([1, 2])] = torch.tensor([50.0, 60.0])
P(y)
P(
    torch.arange(3) + torch.arange(3).view(3, 1),
    torch.ones(2, 3) * torch.tensor([1.0, 2.0, 3.0]),
    torch.broadcast_tensors(torch.ones(1, 2), torch.ones(3, 1))[0].shape,
    torch.ones(3, 1).expand(3, 4).stride(),
    torch.ones(2).repeat(2, 3),
    torch.arange(3).repeat_interleave(2),
    torch.tile(torch.arange(2), (2,)),
)
P(
    torch.einsum("ij,jk->ik", torch.ones(2, 3), torch.ones(3, 2)),
    torch.einsum("bij,bij->b", torch.ones(2, 2, 2), torch.ones(2, 2, 2)),
    torch.einsum("ii", torch.eye(3)),
    torch.einsum("i,j->ij", torch.arange(2), torch.arange(3)),
    torch.matmul(torch.ones(2, 3, 4), torch.ones(4)).shape,
    torch.ones(3) @ torch.ones(3),
    torch.bmm(torch.ones(2, 1, 2), torch.ones(2, 2, 1)),
    torch.tensordot(torch.ones(2, 3), torch.ones(3, 2), dims=1),
)
P(
    3 / torch.tensor(2),
    torch.tensor(7) // 2,
    torch.tensor(-7) // 2,
    torch.tensor(-7) % 3,
    torch.tensor([1, 2]) / 2,
    torch.tensor([1, 2]) * 1.5,
    torch.tensor(1) + True,
    torch.tensor([1, 2]) ** 2,
    2 ** torch.tensor([1, 2]),
    torch.tensor([1, 2]) == torch.tensor([1, 3]),
    torch.tensor([True]) & torch.tensor([False]),
    ~torch.tensor([True]),
    torch.tensor(5) & 3,
    torch.tensor([1.0, 2.0]) > 1,
    (torch.tensor([1, 2]) + torch.tensor([1.5])).dtype,
    torch.add(torch.ones(2), torch.ones(2), alpha=2),
    torch.cat([torch.ones(1, 2), torch.zeros(1, 2)], dim=0),
    torch.stack([torch.ones(2), torch.zeros(2)], dim=1),
    torch.chunk(torch.arange(5), 2),
    torch.split(torch.arange(5), [2, 3]),
    torch.vstack([torch.ones(1, 2), torch.ones(1, 2)]).shape,
    torch.hstack([torch.ones(2), torch.ones(2)]),
    torch.unbind(torch.arange(2)),
    torch.meshgrid(torch.arange(2), torch.arange(2), indexing="ij"),
    torch.cumsum(torch.arange(4), 0),
    torch.sort(torch.tensor([3, 1, 2])),
    torch.argsort(torch.tensor([3, 1, 2])),
    torch.topk(torch.tensor([3, 1, 2]), 2),
    torch.unique(torch.tensor([1, 1, 2])),
    torch.max(torch.tensor([[1, 5], [7, 2]]), dim=1),
    torch.min(torch.tensor([1.0, 5.0])),
    torch.median(torch.tensor([1.0, 5.0, 3.0])),
    torch.mode(torch.tensor([1, 1, 2])),
    torch.std_mean(torch.tensor([1.0, 2.0])),
    torch.norm(torch.tensor([3.0, 4.0])),
    torch.diag(torch.ones(2)),
    torch.triu(torch.ones(2, 2)),
    torch.det(torch.eye(2) * 2),
    torch.inverse(torch.eye(2) * 2),
    torch.linalg.norm(torch.tensor([3.0, 4.0])),
    torch.allclose(torch.ones(1), torch.ones(1)),
    torch.equal(torch.ones(1), torch.ones(1)),
    torch.is_tensor(1),
    torch.any(torch.tensor([True])),
    torch.all(torch.tensor([1, 0])),
    torch.bernoulli(torch.full((3,), 0.5)),
    torch.normal(0.0, 1.0, (2,)),
    torch.randint(0, 10, (3,)),
    torch.randperm(4),
    torch.rand(2),
    torch.logspace(0, 2, 3),
    torch.clip(torch.arange(5), 1, 3),
    torch.lerp(torch.zeros(1), torch.ones(1), 0.3),
    torch.histc(torch.tensor([1.0, 2, 1]), bins=4, min=0, max=3),
    torch.bucketize(torch.tensor([1.5]), torch.tensor([1.0, 2.0])),
    torch.quantile(torch.arange(5.0), 0.5),
    torch.flip(torch.arange(3), [0]),
    torch.roll(torch.arange(3), 1),
    sep="\n",
)
for i, r in enumerate(torch.eye(2)):
    P(i, r)
P(
    torch.tensor([1, 2]).tolist(),
    int(torch.tensor(3.7)),
    float(torch.tensor(2)),
    list(torch.arange(3)),
    sum(torch.arange(3)),
    max(torch.tensor([1, 3])),
    sorted(torch.tensor([3, 1])),
    2 in torch.arange(3),
    bool(torch.tensor([1])),
    round(torch.tensor(2.567).item(), 2),
    abs(torch.tensor(-1)),
    range(torch.tensor(3)),
    [10, 20, 30][torch.tensor(1)],
    hash(x) == hash(x),
    torch.__version__ is not None,
    type(torch.__version__).__name__ is not None,
)
