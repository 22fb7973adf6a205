# ruff: noqa
import random, torch, torch.nn as nn, torch.nn.functional as F
from torch import optim

random.seed(0)
torch.manual_seed(3)
device = torch.device("cuda:0" if torch.cuda.is_available() else "cpu")
MAX = 6
SOS = 0
EOS = 1
V = 9


class EncoderRNN(nn.Module):
    def __init__(self, input_size, hidden_size):
        super(EncoderRNN, self).__init__()
        self.hidden_size = hidden_size
        self.embedding = nn.Embedding(input_size, hidden_size)
        self.gru = nn.GRU(hidden_size, hidden_size)

    def forward(self, input, hidden):
        embedded = self.embedding(input).view(1, 1, -1)
        output, hidden = self.gru(embedded, hidden)
        return output, hidden

    def initHidden(self):
        return torch.zeros(1, 1, self.hidden_size, device=device)


class AttnDecoderRNN(nn.Module):
    def __init__(self, hidden_size, output_size, dropout_p=0.1, max_length=MAX):
        super().__init__()
        self.embedding = nn.Embedding(output_size, hidden_size)
        self.attn = nn.Linear(hidden_size * 2, max_length)
        self.attn_combine = nn.Linear(hidden_size * 2, hidden_size)
        self.dropout = nn.Dropout(dropout_p)
        self.gru = nn.GRU(hidden_size, hidden_size)
        self.out = nn.Linear(hidden_size, output_size)

    def forward(self, input, hidden, encoder_outputs):
        e = self.dropout(self.embedding(input).view(1, 1, -1))
        w = F.softmax(self.attn(torch.cat((e[0], hidden[0]), 1)), dim=1)
        a = torch.bmm(w.unsqueeze(0), encoder_outputs.unsqueeze(0))
        o = torch.cat((e[0], a[0]), 1)
        o = F.relu(self.attn_combine(o).unsqueeze(0))
        o, hidden = self.gru(o, hidden)
        return F.log_softmax(self.out(o[0]), dim=1), hidden, w


enc = EncoderRNN(V, 16).to(device)
dec = AttnDecoderRNN(16, V).to(device)
eo = optim.SGD(enc.parameters(), lr=0.05)
do = optim.SGD(dec.parameters(), lr=0.05)
crit = nn.NLLLoss()
pairs = [[random.randint(2, V - 1) for _ in range(4)] + [EOS] for _ in range(12)]
print(enc, dec)
for it, p in enumerate(pairs):
    inp = torch.tensor(p, dtype=torch.long, device=device).view(-1, 1)
    tgt = torch.tensor(p[::-1][1:] + [EOS]).view(-1, 1)
    h = enc.initHidden()
    eo.zero_grad()
    do.zero_grad()
    loss = 0
    outs = torch.zeros(MAX, 16, device=device)
    for ei in range(inp.size(0)):
        o, h = enc(inp[ei], h)
        outs[ei] = o[0, 0]
    di = torch.tensor([[SOS]])
    force = random.random() < 0.5
    for k in range(tgt.size(0)):
        o, h, w = dec(di, h, outs)
        topv, topi = o.topk(1)
        loss += crit(o, tgt[k])
        if force:
            di = tgt[k]
        else:
            di = topi.squeeze().detach()
            if di.item() == EOS:
                break
    loss.backward()
    eo.step()
    do.step()
    print(it, loss.item() / tgt.size(0), w, topi, topv)
