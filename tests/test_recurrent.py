"""Recurrent layers in a graph: every step's hidden state is a value that can be replaced."""

import copy
from itertools import product

import pytest
import torch
from torch import fx, nn
from torch.nn.utils.rnn import pack_padded_sequence

from lashley.graph import capture
from lashley.graph.batch import Batched, batch_dependence
from lashley.graph.recurrent import relu_step
from lashley.graph.recurrent_units import into_recurrent_units
from lashley.graph.retype import retyped

from forward import Forward

STEPS, FEATURES, HIDDEN = 4, 3, 5
both = pytest.mark.parametrize("tracer", ["fx", "export"])
KINDS = {
    "lstm": (nn.LSTM, {}), "projected": (nn.LSTM, {"proj_size": 2}), "gru": (nn.GRU, {}),
    "tanh": (nn.RNN, {}), "relu": (nn.RNN, {"nonlinearity": "relu"}),
}  # fmt: skip
CELLS = {
    "lstm": (nn.LSTMCell, {}), "gru": (nn.GRUCell, {}), "tanh": (nn.RNNCell, {}),
    "relu": (nn.RNNCell, {"nonlinearity": "relu"}),
}  # fmt: skip
every_kind = pytest.mark.parametrize("kind", KINDS)


@pytest.fixture(autouse=True)
def _seeded():
    torch.manual_seed(0)


def layers(kind, n=1, **options):
    """A recurrent module in float64."""
    made, more = KINDS[kind]
    return made(FEATURES, HIDDEN, n, **more, **options).double().eval()


def everything(module, x, states=None):
    """All that the module returns, as one row for each example; x: (example, step, feature)."""
    output, last = module(x if module.batch_first else x.transpose(0, 1), states)
    output = output if module.batch_first else output.transpose(0, 1)
    last = (last[0], last[1]) if isinstance(module, nn.LSTM) else (last,)
    return torch.cat([output.flatten(1), *(s.transpose(0, 1).flatten(1) for s in last)], 1)


def classifier(module, last=lambda output, state: output[:, -1]):
    """Recurrent, and a Linear that reads what `last` takes of it."""
    width = (module.proj_size or HIDDEN) * (2 if module.bidirectional else 1)
    out = nn.Linear(width, 3).double()

    def forward(net, x):
        output, state = net.rnn(x)
        return net.out(last(output, state))

    return Forward(forward, rnn=module, out=out).eval()


def inputs(n=3):
    return torch.randn(n, STEPS, FEATURES, dtype=torch.float64)


def captured(network, x, tracer="fx"):
    found, why = capture(network, x, tracer)
    assert found is not None, why
    return found.module


def nodes_of(module):
    """The nodes of hidden states by names of their sites."""
    found = {}
    for node in module.graph.nodes:
        if "recurrent" in node.meta:
            found.setdefault(node.meta["recurrent"].name, []).append(node)
    return found


class Held(fx.Interpreter):
    """Holds a unit of a site at a value at every step; keeps what the site's nodes computed."""

    def __init__(self, module, site, unit, value=0.0):
        super().__init__(module)
        self.site, self.unit, self.value, self.seen = site, unit, value, []

    def run_node(self, n):
        result = super().run_node(n)
        known = n.meta.get("recurrent")
        if known is None or known.name != self.site:
            return result
        self.seen.append(result)
        if self.value is None:
            return result
        result = result.clone()
        result[..., self.unit] = self.value
        return result


def near(one, other):
    """To the rounding of float64 over a few steps of sums of a few terms below 1."""
    return torch.allclose(one, other, rtol=0, atol=1e-13)


def is_unrolled(module):
    whole = ("aten.lstm", "aten.gru", "aten.rnn")
    return not any(
        n.op == "call_module" or str(n.target).startswith(whole) for n in module.graph.nodes
    )


class TestForward:
    @every_kind
    def test_the_graph_computes_what_the_module_computes(self, kind):
        for n, bidirectional, batch_first, bias, given in product((1, 2), *[(False, True)] * 4):
            options = {"bidirectional": bidirectional, "batch_first": batch_first, "bias": bias}
            module, x = layers(kind, n, **options), inputs()
            network = with_states(module) if given else Forward(
                lambda net, x: everything(net.rnn, x), rnn=module)  # fmt: skip
            graph = captured(network, x)
            assert is_unrolled(graph)
            assert near(graph(x), network(x)), options
            more = inputs(5)
            assert near(graph(more), network(more)), options

    @pytest.mark.thinned(4)
    @every_kind
    @pytest.mark.parametrize("given", [False, True])
    def test_so_it_does_by_export(self, kind, given):
        module, x = layers(kind, 2, bidirectional=True, batch_first=not given), inputs()
        network = with_states(module) if given else Forward(
            lambda net, x: everything(net.rnn, x), rnn=module)  # fmt: skip
        graph = captured(network, x, "export")
        assert is_unrolled(graph)
        for given in (x, inputs(5)):
            assert near(graph(given), network(given))

    @both
    @pytest.mark.parametrize("kind", CELLS)
    @pytest.mark.parametrize("bias", [False, True])
    def test_cells(self, kind, bias, tracer):
        made, options = CELLS[kind]
        cell = made(FEATURES, HIDDEN, bias=bias, **options).double()

        def forward(net, x):
            state = None
            for t in range(STEPS):
                state = net.cell(x[:, t], state)
            return torch.cat(state, 1) if kind == "lstm" else state

        network, x = Forward(forward, cell=cell).eval(), inputs()
        graph = captured(network, x, tracer)
        assert is_unrolled(graph)
        assert near(graph(x), network(x))
        (nodes,) = nodes_of(graph).values()
        assert len(nodes) == STEPS
        cell_state_is_read = kind == "lstm"
        assert {n.meta["recurrent"].only_zero for n in nodes} == {not cell_state_is_read}

    @both
    def test_sequences_without_examples(self, tracer):
        """A sequence that is the same for all: its encoding is added to the input."""
        module = layers("lstm", 2, bidirectional=True)
        sequence = nn.Parameter(torch.randn(STEPS, FEATURES).double())
        network = Forward(
            lambda net, x: x.flatten(1)[:, :1] + net.rnn(net.sequence)[0].flatten(),
            rnn=module, sequence=sequence,
        ).eval()  # fmt: skip
        x = inputs()
        graph = captured(network, x, tracer)
        assert is_unrolled(graph)
        assert near(graph(x), network(x))

    def test_float32_differs_by_its_rounding_alone(self):
        """16 steps of a GRU of 8 on 6 features: each adds some 20 roundings of numbers below 4."""
        module = nn.GRU(6, 8, 2, batch_first=True)
        network = Forward(lambda net, x: net.rnn(x)[0][:, -1], rnn=module).eval()
        x = torch.randn(32, 16, 6)
        graph = captured(network, x[:3])
        bound = 2 * 16 * 20 * 4 * torch.finfo(torch.float32).eps
        exact = copy.deepcopy(network).double()(x.double())
        assert (network(x) - exact).abs().max() < bound
        assert (graph(x) - exact).abs().max() < bound

    @both
    def test_the_graph_follows_into_another_format(self, tracer):
        """Even where the first state is made in float32 by name."""

        def forward(net, x):
            begin = torch.zeros(1, x.size(0), HIDDEN).to(x.device)
            return net.rnn(x, (begin, begin))[0][:, -1]

        module = nn.LSTM(FEATURES, HIDDEN, batch_first=True)
        network, x = Forward(forward, rnn=module).eval(), inputs().float()
        graph = captured(network, x, tracer)
        double = retyped(graph, torch.float64)(x.double())
        assert double.dtype == torch.float64
        assert near(double, copy.deepcopy(module).double()(x.double())[0][:, -1])

    def test_every_step_is_found_batched_along_the_examples(self):
        x = inputs(3)
        for batch_first in (False, True):
            network = Forward(
                lambda net, x: everything(net.rnn, x),
                rnn=layers("lstm", 2, bidirectional=True, batch_first=batch_first),
            ).eval()  # fmt: skip
            graph = captured(network, x)
            known = batch_dependence(graph, (x,))
            for nodes in nodes_of(graph).values():
                assert {known[n] for n in nodes} == {Batched(0, 1, (1, HIDDEN))}


def with_states(module):
    """A network that begins with learned states."""
    ways = module.num_layers * (2 if module.bidirectional else 1)
    sizes = [module.proj_size or HIDDEN, HIDDEN]
    h, c = (nn.Parameter(torch.randn(ways, 1, n).double()) for n in sizes)

    def forward(net, x):
        h, c = (state.expand(-1, x.shape[0], -1) for state in (net.h, net.c))
        return everything(net.rnn, x, (h, c) if isinstance(net.rnn, nn.LSTM) else h)

    return Forward(forward, rnn=module, h=h, c=c).eval()


class TestSites:
    @both
    def test_one_layer_has_the_modules_name(self, tracer):
        graph = captured(classifier(layers("gru", batch_first=True)), inputs(), tracer)
        found = nodes_of(graph)
        assert list(found) == ["rnn"]
        known = {n.meta["recurrent"] for n in found["rnn"]}
        assert len(found["rnn"]) == STEPS
        assert len(known) == 1
        (site,) = known
        assert (site.n_units, site.gates, site.only_zero) == (HIDDEN, 3, True)
        assert site.parameters == (
            "rnn.weight_ih_l0", "rnn.weight_hh_l0", "rnn.bias_ih_l0", "rnn.bias_hh_l0"
        )  # fmt: skip

    @both
    def test_layers_and_directions_are_sites_of_their_own(self, tracer):
        module = layers("tanh", 2, bidirectional=True, batch_first=True, bias=False)
        found = nodes_of(captured(classifier(module), inputs(), tracer))
        assert sorted(found) == ["rnn.l0", "rnn.l0_reverse", "rnn.l1", "rnn.l1_reverse"]
        assert {len(nodes) for nodes in found.values()} == {STEPS}
        site = found["rnn.l1_reverse"][0].meta["recurrent"]
        assert site.parameters == ("rnn.weight_ih_l1_reverse", "rnn.weight_hh_l1_reverse")

    @both
    def test_a_projection_makes_two_sites(self, tracer):
        graph = captured(classifier(layers("projected", batch_first=True)), inputs(), tracer)
        found = {name: nodes[0].meta["recurrent"] for name, nodes in nodes_of(graph).items()}
        assert list(found) == ["rnn.cells", "rnn"]
        assert (found["rnn"].n_units, found["rnn"].gates) == (2, 1)
        assert found["rnn"].parameters == ("rnn.weight_hr_l0",)
        assert (found["rnn.cells"].n_units, found["rnn.cells"].gates) == (HIDDEN, 4)
        assert len(found["rnn.cells"].parameters) == 4

    @both
    def test_every_node_says_who_made_it(self, tracer):
        network = nn.Sequential(Forward(lambda net, x: net.rnn(x)[0][:, -1],
                                        rnn=layers("projected", 2, batch_first=True)),
                                nn.Linear(2, 3).double()).eval()  # fmt: skip
        graph = captured(network, inputs(), tracer)
        assert {n.meta["owner"] for ns in nodes_of(graph).values() for n in ns} == {"0.rnn"}
        assert all("owner" in n.meta for n in graph.graph.nodes)

    @both
    def test_what_is_read_of_the_outputs(self, tracer):
        for last in (
            lambda output, state: output[:, -1],
            lambda output, state: output.mean(1),
            lambda output, state: state[0][-1],
            lambda output, state: state[1][-1:].squeeze(0),
            lambda output, state: (output * output[:, -1:]).sum(1),  # as attention
        ):
            network, x = classifier(layers("lstm", 2, batch_first=True), last), inputs()
            graph = captured(network, x, tracer)
            assert list(nodes_of(graph)) == ["rnn.l0", "rnn.l1"]
            assert near(graph(x), network(x))

    @both
    @pytest.mark.parametrize("kind", ["lstm", "gru"])
    def test_a_loop_of_single_steps(self, kind, tracer):
        """The state of one call begins the next; a state of elsewhere is no zero."""

        def forward(net, x):
            _, state = net.encoder(x)
            own = None
            for t in range(STEPS):
                output, state = net.decoder(x[:, t : t + 1], state)
                _, own = net.own(output, own)
            return net.out((own[0] if kind == "lstm" else own)[-1])

        made = KINDS[kind][0]
        network = Forward(
            forward, encoder=layers(kind, 2, batch_first=True),
            decoder=layers(kind, 2, batch_first=True),
            own=made(HIDDEN, HIDDEN, batch_first=True).double(), out=nn.Linear(HIDDEN, 3).double(),
        ).eval()  # fmt: skip
        x = inputs()
        graph = captured(network, x, tracer)
        assert near(graph(x), network(x))
        starts = {
            name: {n.meta["recurrent"].only_zero for n in nodes}
            for name, nodes in nodes_of(graph).items()
        }
        alone = kind == "gru"  # else the decoder goes on from the cell state
        assert starts == {"encoder.l0": {alone}, "encoder.l1": {alone}, "decoder.l0": {False},
                          "decoder.l1": {False}, "own": {True}}  # fmt: skip

    @pytest.mark.thinned(3, by="tracer")
    @both
    @pytest.mark.parametrize("begin", ["zeros", "new_zeros", "ones", "input", "learned"])
    def test_whether_units_start_at_zero(self, begin, tracer):
        def forward(net, x):
            state = {
                "zeros": torch.zeros(1, x.size(0), HIDDEN, dtype=torch.float64),
                "new_zeros": x.new_zeros(x.size(0), HIDDEN).unsqueeze(0),
                "ones": torch.ones(1, x.size(0), HIDDEN, dtype=torch.float64),
                "learned": net.begin.expand(1, x.size(0), HIDDEN),
                "input": x[:, 0, :1].expand(-1, HIDDEN).unsqueeze(0),
            }[begin]
            return net.out(net.rnn(x, state)[0][:, -1])

        learned = nn.Parameter(torch.zeros(1, 1, HIDDEN).double())  # 0 for now
        network = Forward(forward, rnn=layers("gru", batch_first=True), begin=learned,
                          out=nn.Linear(HIDDEN, 3).double()).eval()  # fmt: skip
        nodes = nodes_of(captured(network, inputs(), tracer))["rnn"]
        assert {n.meta["recurrent"].only_zero for n in nodes} == {"zeros" in begin}

    def test_a_users_own_subclass_goes_by_export(self):
        class Own(nn.LSTM):
            def forward(self, x):
                return super().forward(x)[0][:, -1]

        own = Own(FEATURES, HIDDEN, batch_first=True).double()
        network, x = nn.Sequential(own, nn.Linear(HIDDEN, 3).double()).eval(), inputs()
        found, _ = capture(network, x)
        assert found.tracer == "export"
        assert len(nodes_of(found.module)["0"]) == STEPS

    @both
    def test_what_works_in_place_on_the_outputs(self, tracer):
        network, x = classifier(layers("gru", batch_first=True),
                                lambda output, _: output.relu_().mean(1)), inputs()  # fmt: skip
        graph = captured(network, x, tracer)
        assert list(nodes_of(graph)) == ["rnn"]
        assert near(graph(x), network(x))

    @both
    def test_one_module_called_twice(self, tracer):
        def forward(net, one):
            return net.out(net.rnn(one)[0][:, -1] * net.rnn(one.flip(1))[0][:, -1])

        network = Forward(forward, rnn=layers("tanh", batch_first=True),
                          out=nn.Linear(HIDDEN, 3).double()).eval()  # fmt: skip
        graph = captured(network, inputs(), tracer)
        assert len(nodes_of(graph)["rnn"]) == 2 * STEPS


class TestAblation:
    @both
    @pytest.mark.parametrize("kind", ["lstm", "gru", "tanh", "relu"])
    def test_a_unit_held_at_zero_is_a_network_without_it(self, kind, tracer):
        unit, x = 2, inputs()
        network = classifier(layers(kind, batch_first=True))
        found = Held(captured(network, x, tracer), "rnn", unit).run(x)
        assert near(found, without(network, kind, unit)(x))
        assert not near(found, network(x))

    @every_kind
    def test_it_is_held_for_all_who_read_it(self, kind):
        """Of every layer and direction: next steps, the next layer, and who reads the last state.

        Twin: the module itself, the columns that read the unit set to 0.
        """
        module = layers(kind, 2, bidirectional=True, batch_first=True)
        network, x, unit = classifier(module), inputs(), 1
        size = module.proj_size or HIDDEN
        graph = captured(network, x)
        for layer, back in product((0, 1), (0, 1)):
            end = f"l{layer}{'_reverse' * back}"
            edited = copy.deepcopy(network)
            held = dict(edited.rnn.named_parameters())
            column = unit + back * size
            with torch.no_grad():
                held[f"weight_hh_{end}"][:, unit] = 0
                readers = (held["weight_ih_l1"], held["weight_ih_l1_reverse"])
                for reader in readers if layer == 0 else (edited.out.weight,):
                    reader[:, column] = 0
            assert near(Held(graph, f"rnn.{end}", unit).run(x), edited(x)), end
            assert not near(edited(x), network(x))

    @every_kind
    @pytest.mark.parametrize("given", [False, True])
    def test_zeroed_rows_hold_units_at_zero_where_they_start_there(self, kind, given):
        module, x, unit = layers(kind, 2, bidirectional=True, batch_first=True), inputs(), 1
        network = with_states(module) if given else Forward(
            lambda net, x: everything(net.rnn, x), rnn=module)  # fmt: skip
        graph = captured(network, x)
        for name, nodes in nodes_of(graph).items():
            site = nodes[0].meta["recurrent"]
            keeps = kind in ("tanh", "relu") or (kind == "projected" and site.gates == 1)
            assert site.only_zero == (keeps or not (given or kind in ("lstm", "projected")))
            edited = copy.deepcopy(network)
            zero(edited, site, unit)
            held = Held(captured(edited, x), name, unit, None)
            output = held.run(x)
            values = torch.stack(held.seen)[..., unit]
            assert bool((values == 0).all()) == (keeps or not given)
            assert near(output, Held(graph, name, unit).run(x)) == site.only_zero

    def test_rows_of_all_gates(self):
        weight = torch.zeros(3 * HIDDEN, 2)
        found = into_recurrent_units(weight, [0, 3], 3)
        assert found.all(1).nonzero().flatten().tolist() == [0, 3, 5, 8, 10, 13]
        assert found.sum() == 2 * 6
        assert into_recurrent_units(weight[:, 0], [4], 3).nonzero().flatten().tolist() == [4, 9, 14]
        assert into_recurrent_units(weight, [4], 1).sum() == 2


def zero(network, site, unit):
    held = dict(network.named_parameters())
    with torch.no_grad():
        for name in site.parameters:
            held[name][into_recurrent_units(held[name], [unit], site.gates)] = 0


def without(network, kind, unit):
    """The network with the unit's rows and columns deleted."""
    gates = {"lstm": 4, "gru": 3}.get(kind, 1)
    kept = [u for u in range(HIDDEN) if u != unit]
    made, options = KINDS[kind]
    small = made(FEATURES, HIDDEN - 1, batch_first=True, **options).double()
    rows = [u + HIDDEN * gate for gate in range(gates) for u in kept]
    state = {name: value[rows] for name, value in network.rnn.state_dict().items()}
    state["weight_hh_l0"] = state["weight_hh_l0"][:, kept]
    small.load_state_dict(state)
    out = nn.Linear(HIDDEN - 1, 3).double()
    out.load_state_dict({"weight": network.out.weight[:, kept], "bias": network.out.bias})
    return Forward(lambda net, x: net.out(net.rnn(x)[0][:, -1]), rnn=small, out=out).eval()


class Packing(nn.Module):
    """Texts of different lengths; the function is called by its own name or its module's."""

    def __init__(self, by_name):
        super().__init__()
        self.by_name = by_name
        self.rnn = nn.GRU(FEATURES, HIDDEN, batch_first=True)

    def forward(self, x):
        pack = pack_padded_sequence if self.by_name else nn.utils.rnn.pack_padded_sequence
        lengths = (x != 0).any(2).sum(1).cpu()
        return self.rnn(pack(x, lengths, batch_first=True, enforce_sorted=False))[1][-1]


class TestRefusals:
    @pytest.mark.parametrize("by_name", [False, True])
    def test_packed_sequences(self, by_name):
        found, why = capture(Packing(by_name).double().eval(), inputs())
        assert found is None
        assert "rnn is given a packed sequence (pack_padded_sequence)" in why

    def test_parametrised_modules_go_by_export(self):
        module = nn.utils.parametrizations.weight_norm(
            layers("gru", batch_first=True), "weight_hh_l0"
        )
        found, _ = capture(classifier(module), inputs())
        assert found.tracer == "export"
        assert "rnn is parametrised" in found.reason
        nodes = nodes_of(found.module)["rnn"]
        assert {n.meta["recurrent"].parameters for n in nodes} == {()}

    def test_dropout_in_training(self):
        network = classifier(layers("gru", 2, batch_first=True, dropout=0.5))
        assert captured(network, inputs()) is not None
        network.rnn.train()
        for tracer in ("fx", "export"):
            found, why = capture(network, inputs(), tracer)
            assert found is None
            assert "rnn drops hidden states at random" in why

    def test_steps_along_the_examples_stay_as_they_are(self):
        """As where batch_first was forgotten: every example has an influence on the next one."""
        network, x = classifier(layers("gru"), lambda output, _: output[:, -1]), inputs()
        graph = captured(network, x)
        assert not nodes_of(graph)
        assert near(graph(x), network(x))
        more = inputs(5)
        assert near(graph(more), network(more))


def test_steps_give_new_tensors():
    """What is replaced in place at one step changes no other value."""
    weighted = torch.ones(1, 2, HIDDEN)
    state = (torch.zeros(1, HIDDEN),)
    made = relu_step(weighted, state, torch.eye(HIDDEN), None, (1, 0))
    made.zero_()
    assert weighted.all()
