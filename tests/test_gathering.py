"""Examples from a Dataset or a DataLoader."""

import numpy as np
import pytest
import torch
from torch import nn
from torch.utils.data import (
    BatchSampler,
    DataLoader,
    Dataset,
    IterableDataset,
    Sampler,
    SequentialSampler,
    TensorDataset,
)

import lashley as la
from lashley.data import as_examples
from lashley.errors import DataError

INPUTS, LABELS = torch.randn(7, 5), torch.tensor([0, 1, 2, 0, 1, 2, 0])


class Listed(Dataset):
    """A dataset of whatever is listed; it counts what is read."""

    def __init__(self, items):
        self.items, self.read = items, 0

    def __len__(self):
        return len(self.items)

    def __getitem__(self, i):
        self.read += 1
        return self.items[i]


class Stream(IterableDataset):
    def __iter__(self):
        yield from zip(INPUTS, LABELS, strict=True)


class Anew(Sampler):
    """Another order each time, unknown to PyTorch."""

    def __iter__(self):
        return iter(torch.randperm(7).tolist())

    def __len__(self):
        return 7


def pairs(label=int):
    return Listed([(x.numpy(), label(y)) for x, y in zip(INPUTS, LABELS, strict=True)])


@pytest.mark.parametrize(
    "given",
    [
        TensorDataset(INPUTS, LABELS), pairs(), pairs(np.uint8), Stream(),
        DataLoader(TensorDataset(INPUTS, LABELS), 3), DataLoader(pairs(), 2),
        DataLoader(Stream(), 4),
        DataLoader(pairs(), batch_sampler=BatchSampler(SequentialSampler(INPUTS), 3, False)),
    ],
)  # fmt: skip
def test_are_gathered_in_order(given):
    before = torch.get_rng_state()
    found = as_examples(given)
    assert torch.equal(found.inputs, INPUTS)
    assert torch.equal(found.labels, LABELS)
    assert found.class_names == ("0", "1", "2")
    assert torch.equal(torch.get_rng_state(), before)


def test_inputs_by_name_and_several_targets():
    items = [
        ({"ids": x, "mask": x > 0}, (float(y), x[:2])) for x, y in zip(INPUTS, LABELS, strict=True)
    ]
    found = as_examples(DataLoader(items, 3))
    assert torch.equal(found.inputs["mask"], INPUTS > 0)
    numbers, ends = found.labels.parts
    assert numbers.tolist() == LABELS.tolist()
    assert torch.equal(ends, INPUTS[:, :2])
    by_name = as_examples(DataLoader([(x, {"end": x[:2]}) for x in INPUTS], 3))
    assert torch.equal(by_name.labels.parts["end"], INPUTS[:, :2])


def test_serve_at_every_door():
    torch.manual_seed(0)
    network = nn.Sequential(nn.Linear(5, 6), nn.ReLU(), nn.Linear(6, 3)).eval()
    loader = DataLoader(pairs(), 3)
    cuts = la.singles(la.find_sites(network, loader)["0"])
    found = la.evaluate(network, loader, cuts)
    assert found.equals(la.evaluate(network, (INPUTS, LABELS), cuts))
    assert la.plan(network, loader, cuts, seconds=0.1).n_examples == 7
    la.recover(network, cuts[0], loader, pairs(), la.Recipe(epochs=1, batch_size=4))


def test_sites_need_the_first_examples_only():
    network, data = nn.Sequential(nn.Linear(5, 6), nn.ReLU(), nn.Linear(6, 3)), pairs()
    for given, read in ((data, 3), (DataLoader(data, 2), 4), (DataLoader(data, 1), 3)):
        data.read = 0
        la.find_sites(network, given)
        assert data.read == read


@pytest.mark.parametrize(
    "loader",
    [
        DataLoader(pairs(), 3, shuffle=True),
        DataLoader(pairs(), 3, shuffle=True, generator=torch.Generator().manual_seed(1)),
        DataLoader(pairs(), 3, sampler=Anew()),
        DataLoader(pairs(), batch_sampler=BatchSampler(Anew(), 3, False)),
    ],
)
def test_a_loader_that_shuffles_is_refused(loader):
    state = None if loader.generator is None else loader.generator.get_state()
    with pytest.raises(DataError, match=r"a DataLoader that shuffles; .* shuffle=False\)"):
        as_examples(loader)
    assert state is None or torch.equal(state, loader.generator.get_state())


@pytest.mark.parametrize(
    ("given", "words"),
    [
        (TensorDataset(INPUTS, LABELS, LABELS), r"the loader gives a list of 3; allowed are pairs"),
        (TensorDataset(INPUTS), "the loader gives a list of 1; allowed are pairs"),
        (Listed([{"ids": 1, "labels": 0}]), r"gives a dict of ids, labels; .*la\.Examples\(inp"),
        (Listed([((INPUTS[0], INPUTS[0]), 1)]), "gives 2 inputs without names; .*in a dict"),
        (Listed([(object(), 1)]), r"cannot put them together \(default_collate: .*Let the dataset"),
        (Listed([(INPUTS[0, :n], 1) for n in (2, 3)]), "cannot put .*padded to one length"),
        (DataLoader(Listed([(INPUTS[0, :n], 1) for n in (2, 3)]), 1),
         r"inputs: the loader gives examples of shapes \(2,\) and \(3,\); .*Pad all"),
        (Listed([]), "examples: the Listed is empty; at least one is needed"),
    ],
)  # fmt: skip
def test_what_gives_no_pairs(given, words):
    with pytest.raises(DataError, match=words):
        as_examples(given)
