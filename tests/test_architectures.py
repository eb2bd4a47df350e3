"""The networks of the contract test are themselves what they are meant to be."""

import copy
import dataclasses

import pytest
import torch
from torch import Tensor, fx, nn

from architectures import REMOVABLE, cases, initialised, labels_of, logits_of, removed, trained

CASES = cases()
every_case = pytest.mark.parametrize("case", CASES.values(), ids=CASES)
removable = pytest.mark.parametrize(
    ("name", "site"), [(name, site) for name, sites in REMOVABLE.items() for site in sites]
)


def of(inputs, rows):
    """The inputs of some examples, of either kind."""
    if isinstance(inputs, dict):
        return {name: part[rows] for name, part in inputs.items()}
    return inputs[rows].clone()


def doubled(inputs):
    if isinstance(inputs, dict):
        return {name: doubled(part) for name, part in inputs.items()}
    return inputs.double() if inputs.is_floating_point() else inputs


@torch.inference_mode()
def logits(network, inputs):
    return logits_of(network, inputs)


def test_names_are_unique_and_there_are_many():
    assert all(name == case.name for name, case in CASES.items())
    assert len(CASES) > 60


@every_case
def test_outputs_are_lively_logits_that_come_again(case):
    network, (inputs, labels) = initialised(case, seed=0)
    first = logits(network, of(inputs, slice(None)))
    assert first.shape == (40, case.n_classes)
    assert first.isfinite().all()
    assert first.std(0).min() > 0.2
    assert set(first.argmax(1).tolist()) == set(range(case.n_classes))
    assert set(labels.tolist()) == set(range(case.n_classes))
    assert torch.equal(first, logits(network, of(inputs, slice(None))))


@every_case
def test_a_seed_says_everything(case):
    state = torch.get_rng_state()
    (one, (x, labels)), (same, (again, _)) = initialised(case, seed=3), initialised(case, seed=3)
    other, _ = initialised(case, seed=4)
    assert torch.equal(labels, labels_of(x, case.n_classes))
    assert torch.equal(logits(one, x), logits(same, again))
    assert not torch.equal(logits(one, x), logits(other, x))
    assert torch.equal(state, torch.get_rng_state())


@every_case
def test_examples_are_independent_in_batches_of_any_size(case):
    network, (inputs, _) = initialised(case, seed=1)
    network = network.double()
    whole = logits(network, doubled(inputs))
    assert whole.dtype == torch.float64
    for rows in (slice(3, 10), [39, 0, 5], *([row] for row in range(40))):
        torch.testing.assert_close(logits(network, doubled(of(inputs, rows))), whole[rows])


@every_case
def test_float64_is_float32_to_rounding(case):
    network, (inputs, _) = initialised(case, seed=1)
    single = logits(network, of(inputs, slice(None)))
    double = logits(copy.deepcopy(network).double(), doubled(inputs))
    torch.testing.assert_close(single.double(), double, rtol=1e-4, atol=1e-4)


@pytest.mark.thinned(8)
@every_case
def test_training_learns_something(case):
    network, (inputs, _) = trained(case, seed=0)
    before, _ = initialised(case, seed=0)
    x = case.inputs(120, 10**6)  # those it was trained on
    labels = labels_of(x, case.n_classes)
    loss = [nn.functional.cross_entropy(logits(n, of(x, slice(None))), labels)
            for n in (before, network)]  # fmt: skip
    assert loss[1] < 0.95 * loss[0]
    assert logits(network, inputs).isfinite().all()
    assert not any(m.training for m in network.modules())
    assert all(p.requires_grad and p.grad is None for p in network.parameters())


@every_case
def test_some_units_are_dead(case):
    network, _ = initialised(case, seed=0)
    norms = [m for m in network.modules() if isinstance(m, nn.modules.batchnorm._BatchNorm)]
    rows = [m.weight for m in network.modules() if isinstance(m, nn.Linear | nn.Conv2d)]
    assert all(norm.weight[0] == 0 and norm.bias[0] < 0 for norm in norms)
    assert all((w[-1] == 0).all() == (len(w) > 4) for w in rows)


def layers_called(network, inputs):
    """Modules that own a matrix or a kernel, in the order of their first call."""
    called = {}
    for name, module in network.named_modules():
        weight = getattr(module, "weight", None)
        if isinstance(module, nn.MultiheadAttention):  # it uses this layer without calling it
            name, weight = f"{name}.out_proj", module.out_proj.weight
        if weight is not None and weight.ndim > 1 and not isinstance(module, nn.Embedding):
            module.register_forward_hook(lambda *_, name=name: called.setdefault(name))
    logits(network, inputs)
    return list(called)


@every_case
def test_sites_are_the_layers_called_and_the_heads(case):
    network, (inputs, _) = initialised(case, seed=0)
    *layers, _ = layers_called(network, inputs)
    assert [site for site in case.sites if site not in case.heads] == layers
    assert set(case.heads) | set(case.projections) <= set(case.sites)
    assert set(case.sites) <= {name for name, _ in network.named_modules()}


@every_case
def test_heads_are_where_attention_is_computed(case, monkeypatch):
    """By who calls PyTorch's attention function, and with how many heads of q; where attention is
    written out, by its softmax over (example, head, query, key)."""
    network, (inputs, _) = initialised(case, seed=0)
    inside, found = [], {}
    for name, module in network.named_modules():
        module.register_forward_pre_hook(lambda *_, name=name: inside.append(name))
        module.register_forward_hook(lambda *_: inside.__delitem__(-1))
        if isinstance(module, nn.MultiheadAttention):  # it may compute attention without it
            found[name] = module.num_heads
    attend = nn.functional.scaled_dot_product_attention

    def watched(query, *rest, **options):
        found[inside[-1]] = query.shape[-3]
        return attend(query, *rest, **options)

    softmax = Tensor.softmax

    def weighed(scores, *rest, **options):
        if scores.dim() >= 4:
            found[inside[-1]] = scores.shape[-3]
        return softmax(scores, *rest, **options)

    monkeypatch.setattr(nn.functional, "scaled_dot_product_attention", watched)
    monkeypatch.setattr(Tensor, "softmax", weighed)
    logits_of(network, inputs)
    assert found == dict(case.heads)


@every_case
def test_fx_traces_what_it_is_said_to(case):
    network, (inputs, _) = initialised(case, seed=0)
    network, inputs = network.double(), doubled(inputs)
    try:
        traced = fx.GraphModule(network, fx.Tracer().trace(network))
        same = torch.allclose(logits(traced, inputs), logits(network, inputs))
    except Exception:
        same = False
    assert same is ("fx" in case.tracers)


class _Logits(nn.Module):
    """A network whose output object `torch.export` need not know."""

    def __init__(self, network):
        super().__init__()
        self.network = network

    def forward(self, inputs):
        return logits_of(self.network, inputs)


@pytest.mark.thinned(5, by=lambda case: "export" in case.tracers)
@every_case
def test_export_takes_what_it_is_said_to(case):
    network, (inputs, _) = initialised(case, seed=0)
    network, inputs = network.double(), doubled(inputs)
    batch = {0: torch.export.Dim("example")}
    shapes = dict.fromkeys(inputs, batch) if isinstance(inputs, dict) else batch
    try:
        with torch.no_grad():
            program = torch.export.export(_Logits(network), (inputs,), dynamic_shapes=(shapes,))
        few = of(inputs, slice(0, 3))
        same = torch.allclose(program.module()(few), logits(network, few))
    except Exception:
        same = False
    assert same is ("export" in case.tracers)


@removable
@pytest.mark.parametrize("units", [(0,), (1, 2)])
def test_removing_units_makes_layers_smaller_and_matters(name, site, units):
    case = CASES[name]
    network, (inputs, _) = initialised(case, seed=0)
    twin = removed(network, case, site, units)
    assert site in case.sites
    assert _size(twin) < _size(network)
    assert logits(twin, inputs).shape == (40, case.n_classes)
    assert torch.equal(logits(network, inputs), logits(initialised(case, seed=0)[0], inputs))


def _size(network):
    return sum(p.numel() for p in network.parameters())


@removable
def test_removing_nothing_changes_nothing(name, site):
    network, (inputs, _) = initialised(CASES[name], seed=2)
    network, inputs = network.double(), doubled(inputs)
    twin = removed(network, CASES[name], site, ())
    torch.testing.assert_close(logits(twin, inputs), logits(network, inputs))


@removable
def test_a_removed_unit_is_one_that_nobody_reads(name, site):
    """The twin against a second way: the weights of the layers that read the units are 0."""
    case = CASES[name]
    network, (inputs, _) = initialised(case, seed=2)
    network, inputs = network.double(), doubled(inputs)
    n_units = case.heads.get(site) or len(network.get_submodule(site).weight)
    for units in ((0,), (1, 2)):
        deaf = copy.deepcopy(network)
        for reader in readers(network, site):
            weight = deaf.get_submodule(reader).weight
            with torch.no_grad():  # a head, or a filter behind flatten, is several columns in a row
                weight.view(len(weight), n_units, -1)[:, units] = 0
        twin = removed(network, case, site, units)
        torch.testing.assert_close(logits(twin, inputs), logits(deaf, inputs))


READERS = {
    "block.depthwise.0": ("block.se.fc1", "block.project.0"), "block.se.fc1": ("block.se.fc2",),
    "fc": ("head",), "block.attn": ("block.attn.proj",), "block.mlp.0": ("block.mlp.3",),
    "block.attn.mha": ("block.attn.mha.out_proj",), "h.0.attn": ("h.0.attn.o_proj",),
    "h.0.mlp.c_fc": ("h.0.mlp.c_proj",), "h.0.mlp.gate": ("h.0.mlp.down",),
    "h.0.mlp.up": ("h.0.mlp.down",), "blocks.1.conv1": ("blocks.1.conv2",),
    "blocks.2.conv1": ("blocks.2.conv2",),
}  # fmt: skip


def readers(network, site):
    """Names of the layers that read a site's units."""
    modules = dict(network.named_modules())
    if site in READERS:
        return [name for name in READERS[site] if name in modules]
    layers = [n for n, m in modules.items() if isinstance(m, nn.Linear | nn.modules.conv._ConvNd)]
    return [layers[layers.index(site) + 1]]


def test_the_relu_in_place_changes_what_the_skip_reads():
    network, (inputs, _) = initialised(CASES["pre-activation in place"], seed=0)
    apart = copy.deepcopy(network)
    apart.blocks[0].relu = nn.ReLU()
    assert not torch.allclose(logits(network, inputs), logits(apart, inputs))


def test_a_network_that_writes_into_its_inputs_is_among_them():
    network, (inputs, _) = initialised(CASES["mlp in place"], seed=0)
    assert inputs.min() < 0
    logits(network, inputs)
    assert inputs.min() == 0


def test_what_is_not_written_down_is_not_removed():
    network, _ = initialised(CASES["u-net upsampled"], seed=0)
    with pytest.raises(KeyError, match=r"nothing is written down for the removal at 'down1\.0'"):
        removed(network, CASES["u-net upsampled"], "down1.0", (0,))


def test_weights_that_cannot_be_lively_are_an_error():
    dull = dataclasses.replace(CASES["mlp"], name="dull", inputs=lambda n, seed: torch.zeros(n, 12))
    with pytest.raises(RuntimeError, match=r"dull: no lively weights in 50 attempts from seed 0"):
        initialised(dull, seed=0)
