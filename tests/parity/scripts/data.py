# ruff: noqa
import torch, numpy as np
from torch.utils.data import (
    Dataset,
    DataLoader,
    random_split,
    WeightedRandomSampler,
    Subset,
    ConcatDataset,
    SubsetRandomSampler,
    TensorDataset,
    BatchSampler,
    SequentialSampler,
    RandomSampler,
    IterableDataset,
)


class Sq(Dataset):
    def __init__(self, n=20, transform=None):
        self.x = np.arange(n, dtype=np.float32)
        self.transform = transform

    def __len__(self):
        return len(self.x)

    def __getitem__(self, i):
        if torch.is_tensor(i):
            i = i.tolist()
        s = {
            "x": torch.tensor([self.x[i], self.x[i] ** 2]),
            "y": int(i % 3),
            "name": f"s{i}",
            "f": float(i),
            "np": np.array([i]),
        }
        return self.transform(s) if self.transform else s


class Seqs(Dataset):
    def __len__(self):
        return 7

    def __getitem__(self, i):
        return torch.arange(i + 1), i % 2


def collate(b):
    xs, ys = zip(*b)
    return (
        torch.nn.utils.rnn.pad_sequence(xs, batch_first=True),
        torch.tensor([len(x) for x in xs]),
        torch.tensor(ys),
    )


def main():
    torch.manual_seed(0)
    d = Sq()
    tr, va, te = random_split(d, [12, 4, 4], generator=torch.Generator().manual_seed(42))
    print(len(tr), va.indices, te.indices)
    for b in DataLoader(tr, batch_size=5, shuffle=True):
        print(b)
    for w in (0, 2):
        for x, l, y in DataLoader(Seqs(), batch_size=3, shuffle=True, collate_fn=collate, num_workers=w):
            print(w, x, l, y)
    for b in DataLoader(d, 6, num_workers=2, drop_last=True):
        print(b["x"].shape, b["y"], b["name"], b["f"].dtype, b["np"].dtype)
    y = torch.tensor([0] * 15 + [1] * 5)
    wts = 1.0 / torch.bincount(y).float()
    sm = WeightedRandomSampler(wts[y], 20, replacement=True)
    dl = DataLoader(TensorDataset(torch.arange(20.0), y), batch_size=10, sampler=sm)
    for a, b in dl:
        print(a, b, b.float().mean())
    print(
        list(BatchSampler(SequentialSampler(range(7)), 3, False)),
        list(RandomSampler(range(5))),
        list(SubsetRandomSampler([3, 4, 5])),
        len(ConcatDataset([d, d])),
        Subset(d, [1, 2])[1]["name"],
    )
    it = iter(DataLoader(TensorDataset(torch.randn(4, 2), torch.arange(4)), batch_size=2))
    print(next(it))
    images, labels = next(it)
    print(images.shape, labels)

    class It(IterableDataset):
        def __iter__(s):
            return iter(range(5))

    print(list(DataLoader(It(), batch_size=2)))
    print(random_split(range(10), [0.7, 0.3])[0].indices)
    g = torch.Generator()
    g.manual_seed(3)
    print(
        [b.tolist() for b in DataLoader(torch.arange(6), 2, shuffle=True, generator=g)],
        torch.rand(2, generator=g),
        torch.randperm(5, generator=g),
    )
    print(len(DataLoader(d, 3)), DataLoader(d, 3).dataset is d)
    for i, (a, b) in enumerate(zip(DataLoader(torch.arange(4), 2), DataLoader(torch.arange(4), 2))):
        print(i, a, b)
    tdl = DataLoader(list(zip(torch.randn(4, 2), [1, 0, 1, 0])), batch_size=4)
    print(next(iter(tdl)))
    print(torch.utils.data.default_collate([(1, 2.0), (3, 4.0)]))
    try:
        DataLoader(d, shuffle=True, sampler=sm)
    except ValueError as e:
        print(e)

    class BadD(Dataset):
        def __len__(s):
            return 3

    try:
        next(iter(DataLoader(BadD())))
    except NotImplementedError as e:
        print(type(e), e)
    try:
        next(iter(DataLoader(Seqs(), batch_size=3)))
    except RuntimeError as e:
        print(e)
    try:
        next(iter(DataLoader([None, 1], batch_size=2)))
    except TypeError as e:
        print(e)


if __name__ == "__main__":
    main()
