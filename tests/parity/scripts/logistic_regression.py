# ruff: noqa
import torch, numpy as np
import torch.nn as nn
import torch.nn.functional as F
import torch.optim as optim

torch.manual_seed(1)
np.random.seed(1)
X = np.random.randn(100, 2).astype(np.float32)
Y = (X[:, 0] + X[:, 1] > 0).astype(np.float32)
X = torch.from_numpy(X)
Y = torch.from_numpy(Y).view(-1, 1)


class LogisticRegression(nn.Module):
    def __init__(self, n):
        super(LogisticRegression, self).__init__()
        self.linear = nn.Linear(n, 1)

    def forward(self, x):
        return torch.sigmoid(self.linear(x))


model = LogisticRegression(2)
print(model)
print(list(model.parameters()))
print(model.state_dict())
print(model.linear.weight, model.linear.bias)
for name, p in model.named_parameters():
    print(name, p.shape, p.requires_grad, p.data)
criterion = nn.BCELoss()
print(criterion)
opt = optim.SGD(model.parameters(), lr=0.5, momentum=0.9, nesterov=True, weight_decay=1e-4)
print(opt)
for epoch in range(30):
    out = model(X)
    loss = criterion(out, Y)
    opt.zero_grad()
    loss.backward()
    opt.step()
    if (epoch + 1) % 10 == 0:
        pred = (out > 0.5).float()
        acc = (pred == Y).float().mean()
        acc2 = pred.eq(Y).sum().item() / Y.size(0)
        print(f"Epoch [{epoch + 1}/30], Loss: {loss.item():.4f}, acc {acc:.2f} {acc2:.3%}", acc, loss)
print((pred == Y).sum(), (pred == Y)[:5].T, out[:3], out.data[:2].numpy(), out.detach().numpy().shape)
# softmax
W = nn.Linear(2, 3)
t = torch.randint(0, 3, (100,))
ce = nn.CrossEntropyLoss()
o = optim.Adam(W.parameters(), lr=0.1)
for i in range(5):
    logits = W(X)
    l = ce(logits, t)
    o.zero_grad()
    l.backward()
    o.step()
    print(l)
print(
    logits.argmax(dim=1)[:10],
    torch.max(logits, 1)[1][:10],
    torch.max(logits.data, 1)[0][:3],
    F.softmax(logits, dim=1)[:2],
    F.log_softmax(logits, 1)[:2].exp().sum(1),
    W.weight.grad,
)
vals, idx = torch.max(logits, dim=1)
print(vals[:3], idx[:3])
print(torch.max(logits[:2], 1))
print(logits[:3].topk(2))
print(logits[:2].sort(descending=True))
print(o.state_dict()["param_groups"])
print(l.grad_fn)
print(torch.bincount(t), t.unique(return_counts=True), F.one_hot(t[:4], 3), t.float().mean(), t[:5].tolist())
cm = torch.zeros(3, 3, dtype=torch.int64)
for a, b in zip(t, logits.argmax(1)):
    cm[a.long(), b.long()] += 1
print(cm, cm.diag() / cm.sum(1), cm.sum(), cm.diag().sum().item() / cm.sum().item())
