"""Eager training steps against PyTorch: the same program on both, each in processes of its own.

Each workload is written once, for a module with PyTorch's API, and returns a function that takes one training
step (or several: the second value is how many).
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from .report import Row, Table
from .runner import available, interleaved

Step = tuple[Callable[[], Any], int]


def quadratic(torch: Any) -> Step:
    """Three one-element parameters fitted to five points, one at a time, updated by hand."""
    xs, ys, lr = [1.0, 2.0, 3.0, 4.0, 5.0], [8.0, 19.0, 36.0, 59.0, 88.0], 0.0005
    w_1 = torch.tensor([1.0], requires_grad=True)
    w_2 = torch.tensor([1.0], requires_grad=True)
    b = torch.tensor([1.0], requires_grad=True)

    def epoch() -> Any:
        nonlocal w_1, w_2, b
        for x, y in zip(xs, ys):
            loss = (x * x * w_1 + x * w_2 + b - y) ** 2
            loss.backward()
            with torch.no_grad():
                w_1 -= lr * w_1.grad
                w_2 -= lr * w_2.grad
                b -= lr * b.grad
            w_1.grad.zero_()
            w_2.grad.zero_()
            b.grad.zero_()
        return loss.item()

    return epoch, len(xs)


def small_net(torch: Any) -> Step:
    """3-3-2-3 with ReLU, cross-entropy on three samples, SGD with momentum."""
    nn = torch.nn
    net = nn.Sequential(nn.Linear(3, 3), nn.ReLU(), nn.Linear(3, 2), nn.ReLU(), nn.Linear(2, 3))
    x = torch.tensor([[1.0, 2.0, 1.5], [3.0, 4.0, 2.3], [5.0, 6.0, 1.2]])
    return _classifier(torch, net, x, torch.tensor([0, 2, 1]), lr=0.01), 1


def loader_adam(torch: Any) -> Step:
    """Two Linear(1, 1) in a Sequential, Adam, 50 points in batches of 5 from a DataLoader: one epoch."""
    from_data = torch.utils.data
    x = torch.arange(1, 100, 2, dtype=torch.float32)
    data = from_data.DataLoader(from_data.TensorDataset(x, x * 2 + 10), batch_size=5)
    model = torch.nn.Sequential(torch.nn.Linear(1, 1), torch.nn.Linear(1, 1))
    criterion, optimizer = torch.nn.MSELoss(), torch.optim.Adam(model.parameters(), lr=1e-3)

    def epoch() -> Any:
        total = 0
        for xt, yt in data:
            outputs = model(xt.unsqueeze(1))
            optimizer.zero_grad()
            loss = criterion(yt, outputs.squeeze())
            loss.backward()
            optimizer.step()
            total += loss.detach().data
        return float(total)

    return epoch, 10


def mlp64(torch: Any) -> Step:
    """64-64-64-10, batch 64, cross-entropy, SGD with momentum."""
    return _mlp(torch, (64, 64, 64, 10), 64)


def mlp784(torch: Any) -> Step:
    """784-512-512-10, batch 128, cross-entropy, SGD with momentum."""
    return _mlp(torch, (784, 512, 512, 10), 128)


def _mlp(torch: Any, sizes: tuple[int, ...], batch: int) -> Step:
    layers: list[Any] = []
    for a, b in zip(sizes, sizes[1:]):
        layers += [torch.nn.Linear(a, b), torch.nn.ReLU()]
    net = torch.nn.Sequential(*layers[:-1])
    x, y = torch.randn(batch, sizes[0]), torch.randint(0, sizes[-1], (batch,))
    return _classifier(torch, net, x, y, lr=0.01), 1


def _classifier(torch: Any, net: Any, x: Any, y: Any, lr: float) -> Callable[[], Any]:
    criterion = torch.nn.CrossEntropyLoss()
    optimizer = torch.optim.SGD(net.parameters(), lr=lr, momentum=0.9)

    def step() -> Any:
        optimizer.zero_grad()
        loss = criterion(net(x), y)
        loss.backward()
        optimizer.step()
        return loss.item()

    return step


WORKLOADS: dict[str, tuple[Callable[[Any], Step], dict[int, float]]] = {
    "quadratic": (quadratic, {1: 2.5}),
    "3-3-2-3 CE SGD": (small_net, {1: 2.5}),
    "1-1-1 Adam DataLoader": (loader_adam, {1: 4.0}),
    "64-64-64-10 batch 64": (mlp64, {1: 1.7}),
    "784-512-512-10 batch 128": (mlp784, {1: 1.3, 2: 0.8}),
}


def measure(rounds: int) -> Table:
    """Median µs per step of both libraries at one thread and two, and the ratio; the losses must agree."""
    libraries = ["chainrule", *(["torch"] if available("torch") else [])]
    rows = []
    for threads in (1, 2):
        for name, (_, targets) in WORKLOADS.items():
            figures = interleaved(libraries, name, threads, rounds)
            rows.append(Row(name, threads, figures, targets.get(threads)))
    return Table("eager", "µs per training step, median of rounds; ratio = torch / chainrule", rows)
