# ruff: noqa
import torch, torch.nn as nn, torch.nn.functional as F
from collections import Counter

torch.manual_seed(1)
CONTEXT_SIZE = 2
EMBEDDING_DIM = 10
test_sentence = """When forty winters shall besiege thy brow, And dig deep trenches in thy beauty's field, Thy youth's proud livery so gazed on now""".split()
ngrams = [
    ([test_sentence[i - j - 1] for j in range(CONTEXT_SIZE)], test_sentence[i])
    for i in range(CONTEXT_SIZE, len(test_sentence))
]
print(ngrams[:3])
vocab = sorted(set(test_sentence))
ix = {w: i for i, w in enumerate(vocab)}


class NGram(nn.Module):
    def __init__(self, V, E, C):
        super().__init__()
        self.embeddings = nn.Embedding(V, E)
        self.linear1 = nn.Linear(C * E, 32)
        self.linear2 = nn.Linear(32, V)

    def forward(self, i):
        e = self.embeddings(i).view((1, -1))
        return F.log_softmax(self.linear2(F.relu(self.linear1(e))), dim=1)


losses = []
m = NGram(len(vocab), EMBEDDING_DIM, CONTEXT_SIZE)
opt = torch.optim.SGD(m.parameters(), lr=0.01)
lf = nn.NLLLoss()
for ep in range(3):
    tot = 0
    for c, t in ngrams:
        m.zero_grad()
        lp = m(torch.tensor([ix[w] for w in c], dtype=torch.long))
        l = lf(lp, torch.tensor([ix[t]], dtype=torch.long))
        l.backward()
        opt.step()
        tot += l.item()
    losses.append(tot)
print(losses)
print(m.embeddings.weight[ix["thy"]])


class SkipGram(nn.Module):
    def __init__(s, V, D):
        super().__init__()
        s.i = nn.Embedding(V, D, sparse=False)
        s.o = nn.Embedding(V, D)
        s.i.weight.data.uniform_(-0.5 / D, 0.5 / D)
        nn.init.zeros_(s.o.weight)

    def forward(s, c, p, n):
        v = s.i(c)
        pos = F.logsigmoid(torch.sum(v * s.o(p), dim=1))
        neg = F.logsigmoid(-torch.bmm(s.o(n), v.unsqueeze(2)).squeeze(2)).sum(1)
        return -(pos + neg).mean()


sg = SkipGram(len(vocab), 6)
f = torch.tensor([Counter(test_sentence)[w] for w in vocab], dtype=torch.float) ** 0.75
f /= f.sum()
print(f)
o = torch.optim.Adagrad(sg.parameters(), lr=0.5)
for i in range(5):
    c = torch.randint(len(vocab), (8,))
    p = torch.randint(len(vocab), (8,))
    n = torch.multinomial(f, 8 * 3, replacement=True).view(8, 3)
    l = sg(c, p, n)
    o.zero_grad()
    l.backward()
    o.step()
    print(l.item(), n[0])
E = sg.i.weight.detach()
E = E / E.norm(dim=1, keepdim=True)
sim = E @ E.T
print(sim[0].topk(3))
print(
    F.cosine_similarity(E[0], E[1], dim=0),
    nn.CosineSimilarity(dim=1)(E[:2], E[2:4]),
    torch.cdist(E[:2], E[:3]),
    nn.PairwiseDistance()(E[:2], E[2:4]),
)
eb = nn.EmbeddingBag(10, 3, mode="mean")
print(eb, eb(torch.tensor([1, 2, 4, 5, 4, 3, 2, 9]), torch.tensor([0, 4])).detach())
print(
    nn.Embedding(10, 3, padding_idx=0),
    nn.Embedding(4, 3, padding_idx=0).weight,
    nn.Embedding.from_pretrained(torch.FloatTensor([[1, 2.3, 3], [4, 5.1, 6.3]]))(torch.LongTensor([1])),
)
