"""Counted positions: what is padding takes no part in `mean`, and is handed on by no `resample`."""

import copy

import pytest
import torch
from torch import nn
from torch.nn import functional as F

import lashley as la
from lashley.errors import LashleyError

from by_hand import every_engine, logits, measured

T, WIDTH, UNITS, VOCABULARY = 6, 5, 4, 12
MASK = "attention_mask"


class Texts(nn.Module):
    """Every token for itself, a hidden layer, and the mean over tokens that are no padding."""

    def __init__(self, mask=MASK, attends=False):
        super().__init__()
        self.mask, self.attends = mask, attends
        self.embed, self.hidden = nn.Embedding(VOCABULARY, WIDTH), nn.Linear(WIDTH, UNITS)
        self.mix, self.out = nn.Linear(UNITS, WIDTH), nn.Linear(WIDTH, 3)

    def forward(self, input_ids, attention_mask):
        return self.written(input_ids, attention_mask, lambda value: value)

    def written(self, ids, mask, at):
        counts = mask.to(self.out.weight.dtype)
        if self.mask != MASK:
            counts = 1 - counts  # such a mask says what is padding
        held = at(torch.tanh(self.hidden(self.embed(ids)))) * counts[..., None]
        weights = counts / counts.sum(1, keepdim=True)
        places = torch.arange(1.0, 1 + T, dtype=counts.dtype, device=counts.device)
        return self.out(F.gelu(self.mix(held * places[:, None])).mul(weights[..., None]).sum(1))


class Named(Texts):
    """The same, its mask under another name: "pad" says what is padding."""

    def __init__(self):
        super().__init__(mask="pad")

    def forward(self, input_ids, pad):
        return self.written(input_ids, pad, lambda value: value)


def padded(n, seed, shortest=2):
    """Texts of different lengths, filled up on the right with 0; and which positions count."""
    generator = torch.Generator().manual_seed(seed)
    lengths = torch.randint(shortest, T + 1, (n,), generator=generator)
    lengths[0] = T  # one of full length
    counted = torch.arange(T) < lengths[:, None]
    return torch.randint(1, VOCABULARY, (n, T), generator=generator) * counted, counted


def made(kind=Texts):
    with la.networks.seeded(0):
        network = kind().eval()
    (ids, counted), (others, there) = padded(30, 1), padded(20, 2)
    mask = "pad" if kind is Named else MASK

    def data(ids, counted):
        given = ~counted if kind is Named else counted.long()
        return {"input_ids": ids, mask: given}, torch.arange(len(ids)) % 3

    return network, data(ids, counted), data(others, there), counted, there


def held(network, data):
    """(example, token, unit) in float64."""
    return network.hidden(network.embed(data[0]["input_ids"])).tanh()


def by_hand(network, data, units, new):
    """Outputs with `new` (example or 1, token or 1, unit) in place of the units."""
    twin = copy.deepcopy(network).double()

    def at(value):
        value = value.clone()
        value[..., units] = new.expand_as(value)[..., units]
        return value

    ids, mask = data[0].values()
    with torch.no_grad():
        return twin.written(ids, mask, at)


def mean_of(network, reference, there):
    """(unit) over the counted positions of the reference, one after another."""
    seen = held(copy.deepcopy(network).double(), reference)
    return torch.stack([seen[i, t] for i, t in there.nonzero().tolist()]).mean(0).detach()


@every_engine
def test_mean_is_over_the_positions_of_the_attention_mask(engine):
    network, data, reference, _, there = made()
    right = by_hand(network, data, [0, 2], mean_of(network, reference, there))
    assert_outcomes(network, data, reference, "mean", right, engine)


@every_engine
def test_mean_is_over_those_of_a_boolean_tensor(engine):
    """(reference example, position), whatever the network's inputs are."""
    network, data, reference, _, there = made()
    some = there & (torch.arange(T) > 0)  # not the first token
    right = by_hand(network, data, [0, 2], mean_of(network, reference, some))
    assert_outcomes(network, data, reference, "mean", right, engine, counted=some)


@every_engine
def test_mean_is_over_those_of_a_named_input(engine):
    """An input of truth values says which positions count."""

    class Counts(Texts):
        def forward(self, input_ids, attention_mask, asked):
            return self.written(input_ids, attention_mask, lambda v: v) + 0 * asked[:, :1]

    network, data, reference, counted, there = made(Counts)
    asked = there & (torch.arange(T) % 2 == 0)
    right = by_hand(network, data, [0, 2], mean_of(network, reference, asked))
    data[0]["asked"], reference[0]["asked"] = counted, asked
    assert_outcomes(network, data, reference, "mean", right, engine, counted="asked")


@every_engine
def test_without_a_mask_all_positions_count(engine):
    """The mask's name says nothing here: what is True in it is padding."""
    network, data, reference, _, there = made(Named)
    right = by_hand(network, data, [0, 2], mean_of(network, reference, torch.ones_like(there)))
    assert_outcomes(network, data, reference, "mean", right, engine)


def assert_outcomes(network, data, reference, method, right, engine, **options):
    site = la.find_sites(network, data)["hidden"]
    outcomes = la.evaluate(network, data, [la.Ablation(site, (0, 2), method)], readout=logits,
                           reference=reference, engine=engine, seed=3, **options)  # fmt: skip
    torch.testing.assert_close(measured(outcomes)[0], right, rtol=0, atol=1e-4)


@every_engine
def test_resample_takes_positions_that_count(engine):
    """An example's donor counts wherever the example does, so no padding is handed on: each
    outcome is that of one of the reference texts that are at least as long, and of no other."""
    network, data, reference, counted, there = made()
    site = la.find_sites(network, data)["hidden"]
    cuts = [la.Ablation(site, (0, 2), "resample"), la.Ablation(site, (0, 2, 3), "resample")]
    found = measured(la.evaluate(network, data, cuts, readout=logits, reference=reference,
                                 engine=engine, seed=3))  # fmt: skip
    seen = held(copy.deepcopy(network).double(), reference).detach()
    drawn = []
    for units, outcome in zip(([0, 2], [0, 2, 3]), found, strict=True):
        each = torch.stack([by_hand(network, data, units, donor[None]) for donor in seen])
        near = (each - outcome).abs().amax(-1) < 1e-4  # (donor, example)
        covers = (there[:, None] | ~counted[None]).all(-1)
        assert (near & covers).any(0).all(), "some example has no donor that covers it"
        drawn.append(near & covers)
    assert (drawn[0] & drawn[1]).any(0).all(), "all ablations of an example draw the same donor"
    assert len(set(drawn[0].float().argmax(0).tolist())) > 3, "donors differ"


@pytest.mark.thinned(1, by="engine")
@every_engine
@pytest.mark.parametrize("method", ["mean", "resample"])
def test_the_embedding_of_the_padding_moves_no_outcome(method, engine):
    network, data, reference, *_ = made()
    site = la.find_sites(network, data)["hidden"]
    found = []
    for pad in (0.0, 3.0, -30.0):
        network.embed.weight.data[0] = pad * torch.arange(1.0, 1 + WIDTH)
        found.append(measured(la.evaluate(
            network, data, [la.Ablation(site, (1, 3), method)], readout=logits,
            reference=reference, engine=engine)))  # fmt: skip
    torch.testing.assert_close(found[0], found[1], rtol=0, atol=1e-5)
    torch.testing.assert_close(found[0], found[2], rtol=0, atol=1e-5)


@every_engine
def test_units_without_the_positions_are_as_ever(engine):
    """What is after the mean over tokens has no positions to count."""
    _, data, reference, *_ = made()
    pooled = Pooled().eval()
    site = la.find_sites(pooled, data)["after"]
    outcomes = la.evaluate(pooled, data, [la.Ablation(site, (1,), "mean")], readout=logits,
                           reference=reference, engine=engine)  # fmt: skip
    twin = copy.deepcopy(pooled).double()
    with torch.no_grad():
        mean = twin.pool(*reference[0].values()).mean(0)
        h = twin.pool(*data[0].values())
        h[:, 1] = mean[1]
        torch.testing.assert_close(measured(outcomes)[0], twin.out(h), rtol=0, atol=1e-4)


class Pooled(nn.Module):
    def __init__(self):
        super().__init__()
        with la.networks.seeded(4):
            self.embed, self.after = nn.Embedding(VOCABULARY, WIDTH), nn.Linear(WIDTH, UNITS)
            self.out = nn.Linear(UNITS, 3)

    def pool(self, ids, mask):
        counts = mask.to(self.out.weight.dtype)[..., None]
        return self.after((self.embed(ids) * counts).sum(1) / counts.sum(1)).tanh()

    def forward(self, input_ids, attention_mask):
        return self.out(self.pool(input_ids, attention_mask))


class TestRefused:
    def test_a_mask_that_is_no_input(self):
        network, data, reference, *_ = made()
        cut = [la.Ablation(la.find_sites(network, data)["hidden"], (0,), "mean")]
        with pytest.raises(LashleyError, match=r"counted: given 'mask'.*attention_mask"):
            la.evaluate(network, data, cut, reference=reference, counted="mask")

    @pytest.mark.parametrize(
        "counted",
        [torch.ones(20, T), torch.ones(19, T, dtype=torch.bool), torch.ones(20, dtype=torch.bool),
         7, torch.zeros(20, T, dtype=torch.bool)],
        ids=["float", "examples", "positions", "number", "nothing"],
    )  # fmt: skip
    def test_what_is_no_mask(self, counted):
        network, data, reference, *_ = made()
        cut = [la.Ablation(la.find_sites(network, data)["hidden"], (0,), "mean")]
        with pytest.raises(LashleyError, match=r"counted: "):
            la.evaluate(network, data, cut, reference=reference, counted=counted)

    def test_an_example_that_no_donor_covers(self):
        network, data, reference, *_ = made()
        short = {"input_ids": reference[0]["input_ids"].clone(),
                 MASK: (torch.arange(T) < 3).long().expand(20, T).clone()}  # fmt: skip
        cut = [la.Ablation(la.find_sites(network, data)["hidden"], (0,), "resample")]
        with pytest.raises(LashleyError, match=r"reference: .*resample"):
            la.evaluate(network, data, cut, reference=(short, reference[1]))

    def test_an_input_of_other_numbers(self):
        """An additive mask is 0 where it counts."""
        network, (inputs, labels), (others, theirs), *_ = made()
        data, reference = (
            ({**i, MASK: (1 - i[MASK].float()) * -1e4}, y)
            for i, y in ((inputs, labels), (others, theirs))
        )
        cut = [la.Ablation(la.find_sites(network, data)["hidden"], (0,), "mean")]
        with pytest.raises(LashleyError, match=r"counted: the input 'attention_mask' is \(20, 6\)"):
            la.evaluate(network, data, cut, reference=reference)

    def test_a_plan_refuses_it_too(self):
        network, data, reference, *_ = made()
        cut = [la.Ablation(la.find_sites(network, data)["hidden"], (0,), "mean")]
        with pytest.raises(LashleyError, match=r"counted: given 'mask'"):
            la.plan(network, data, cut, reference=reference, counted="mask")


@every_engine
def test_positions_of_another_number_all_count_and_it_is_said(engine):
    """Pairs of tokens, one after another: three positions, of which the mask says nothing."""

    class Pairs(Pooled):
        def pool(self, ids, mask):
            pairs = self.embed(ids).unflatten(1, (T // 2, 2)).mean(2) + 0 * mask[:, :1, None]
            return self.after(pairs).tanh()

        def forward(self, input_ids, attention_mask):
            return self.out(self.pool(input_ids, attention_mask)).mean(1)

    _, data, reference, *_ = made()
    network = Pairs().eval()
    cut = [la.Ablation(la.find_sites(network, data)["after"], (1,), "mean")]
    with pytest.warns(UserWarning, match=r"counted has 6 positions.*after: 3"):
        found = la.evaluate(network, data, cut, readout=logits, reference=reference, engine=engine)
    twin = copy.deepcopy(network).double()
    with torch.no_grad():
        h = twin.pool(*data[0].values())
        h[..., 1] = twin.pool(*reference[0].values())[..., 1].mean()
        right = twin.out(h).mean(1)
    torch.testing.assert_close(measured(found)[0], right, rtol=0, atol=1e-4)


@pytest.mark.parametrize("engine", ["auto", "naive"])
def test_recurrent_units_say_that_all_steps_count(engine):
    class Stepping(Pooled):
        def __init__(self):
            super().__init__()
            self.rnn = nn.LSTM(WIDTH, UNITS, batch_first=True)

        def forward(self, input_ids, attention_mask):
            held, _ = self.rnn(self.embed(input_ids))
            return self.out((held * attention_mask[..., None]).sum(1))

    _, data, reference, *_ = made()
    network = Stepping().eval()
    cut = [la.Ablation(la.find_sites(network, data)["rnn"], (1,), "mean")]
    with pytest.warns(UserWarning, match="rnn is recurrent: its mean is taken over all steps"):
        la.evaluate(network, data, cut, reference=reference, engine=engine)


@every_engine
def test_tokens_among_the_examples(engine):
    """A layer that is given all tokens one after another, without an axis of their own."""

    class Flat(Texts):
        def written(self, ids, mask, at):
            return super().written(ids, mask, lambda v: at(v.flatten(0, 1)).unflatten(0, (-1, T)))

    network, data, reference, _, there = made(Flat)
    new = mean_of(network, reference, there)
    right = by_hand(network, data, [0, 2], new)
    assert_outcomes(network, data, reference, "mean", right, engine)


def test_a_store_holds_outcomes_of_one_mask(tmp_path):
    network, data, reference, _, there = made()
    cut = [la.Ablation(la.find_sites(network, data)["hidden"], (0, 2), "mean")]
    found = la.evaluate(network, data, cut, reference=reference, store=tmp_path / "s")
    assert found.attrs["counted"] == MASK
    again = la.evaluate(network, data, cut, reference=reference, store=tmp_path / "s")
    assert again.equals(found)
    other = there & (torch.arange(T) > 0)
    with pytest.raises(LashleyError, match="counted"):
        la.evaluate(network, data, cut, reference=reference, store=tmp_path / "s", counted=other)


# --- with transformers, as in the issue ----------------------------------------------------------


@pytest.mark.thinned(2)
@pytest.mark.parametrize("engine", ["auto", "hooks", "naive"])
def test_bert_with_any_embedding_of_the_padding(engine):
    """Its masked mean gives 0.04734 for the first example's first logit, and a drop of 8.33."""
    from transformers import BertConfig, BertForSequenceClassification

    torch.manual_seed(0)
    network = BertForSequenceClassification(BertConfig(
        vocab_size=900, hidden_size=16, num_hidden_layers=1, num_attention_heads=2,
        intermediate_size=8, max_position_embeddings=8, num_labels=3, initializer_range=0.5,
    )).eval()  # fmt: skip

    def padded(n):
        ids = torch.randint(1, 900, (n, 8))
        mask = (torch.arange(8) < torch.randint(2, 8, (n, 1))).long()
        return {"input_ids": ids * mask, MASK: mask}, torch.arange(n) % 3

    data, reference = padded(60), padded(60)
    for pad in (0.0, 3.0, -3.0):
        network.bert.embeddings.word_embeddings.weight.data[0] = pad * torch.arange(-8.0, 8.0) / 4
        site = la.find_sites(network, data)["bert.encoder.layer.0.intermediate.dense"]
        cut = [la.Ablation(site, range(8), "mean")]
        found = la.evaluate(network, data, cut, reference=reference, readout=logits, engine=engine)
        drop = la.effects(la.evaluate(network, data, cut, reference=reference, engine=engine))
        assert float(found.logit_0[0, 0]) == pytest.approx(0.04734, abs=2e-5)
        assert float(drop.overall_drop_pp[0]) == pytest.approx(-100 * 5 / 60)
