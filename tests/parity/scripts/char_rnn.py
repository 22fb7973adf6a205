# ruff: noqa
import torch, torch.nn as nn

torch.manual_seed(0)
text = "hello world, this is a tiny corpus. " * 4
chars = sorted(set(text))
stoi = {c: i for i, c in enumerate(chars)}
itos = {i: c for c, i in stoi.items()}
data = torch.tensor([stoi[c] for c in text])


class CharRNN(nn.Module):
    def __init__(self, kind, V, H=16, L=2):
        super().__init__()
        self.kind = kind
        self.hidden_size = H
        self.num_layers = L
        self.emb = nn.Embedding(V, 8)
        self.rnn = getattr(nn, kind)(8, H, L, batch_first=True, dropout=0.1)
        self.fc = nn.Linear(H, V)

    def forward(self, x, h=None):
        o, h = self.rnn(self.emb(x), h)
        return self.fc(o), h

    def init_hidden(self, bsz):
        w = next(self.parameters())
        if self.kind == "LSTM":
            return (
                w.new_zeros(self.num_layers, bsz, self.hidden_size),
                w.new_zeros(self.num_layers, bsz, self.hidden_size),
            )
        return w.new_zeros(self.num_layers, bsz, self.hidden_size)


for kind in ["RNN", "LSTM", "GRU"]:
    m = CharRNN(kind, len(chars))
    print(m)
    opt = torch.optim.Adam(m.parameters(), lr=1e-2)
    crit = nn.CrossEntropyLoss()
    h = m.init_hidden(2)
    for step in range(4):
        i = torch.randint(0, len(data) - 21, (2,))
        x = torch.stack([data[k : k + 20] for k in i])
        y = torch.stack([data[k + 1 : k + 21] for k in i])
        h = tuple(t.detach() for t in h) if isinstance(h, tuple) else h.detach()
        opt.zero_grad()
        out, h = m(x, h)
        loss = crit(out.view(-1, len(chars)), y.view(-1))
        loss.backward()
        n = nn.utils.clip_grad_norm_(m.parameters(), 0.5)
        opt.step()
        print(kind, step, loss.item(), n)
    m.eval()
    s = "h"
    h = None
    x = torch.tensor([[stoi["h"]]])
    with torch.no_grad():
        for _ in range(20):
            out, h = m(x, h)
            p = torch.softmax(out[:, -1] / 0.8, dim=-1)
            x = torch.multinomial(p, 1)
            s += itos[x.item()]
    print(s)
    print([(n, tuple(p.shape)) for n, p in m.named_parameters()])
packed = nn.utils.rnn.pack_padded_sequence(torch.randn(3, 5, 4), torch.tensor([5, 3, 2]), batch_first=True)
lstm = nn.LSTM(4, 6, bidirectional=True, batch_first=True)
o, (hn, cn) = lstm(packed)
o, l = nn.utils.rnn.pad_packed_sequence(o, batch_first=True)
print(o.shape, l, hn.shape, o.sum(), cn.mean(), packed.batch_sizes)
print(nn.utils.rnn.pad_sequence([torch.ones(2), torch.ones(3) * 2], batch_first=True, padding_value=-1))
cell = nn.LSTMCell(3, 4)
h = torch.zeros(2, 4)
c = torch.zeros(2, 4)
for t in range(3):
    h, c = cell(torch.randn(2, 3), (h, c))
print(h, c)
print(nn.GRUCell(3, 4)(torch.randn(2, 3)), nn.RNNCell(3, 4), cell, nn.GRUCell(3, 4), lstm)
