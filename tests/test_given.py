"""What is given in place of a network, and the way out that each error names."""

import pytest
import torch
from torch import nn

import lashley as la
from lashley.errors import NetworkError
from lashley.networks import as_network

INPUTS, LABELS = torch.randn(9, 5), torch.arange(9) % 3
CUT = la.Ablation(la.Site("0", "hidden", 6, -1), (0,))


def network():
    return nn.Sequential(nn.Linear(5, 6), nn.ReLU(), nn.Linear(6, 3)).eval()


def of(library, name="Learner", bases=(), **held):
    """An object of a class that comes from a library."""
    kind = type(name, bases, {"__module__": library})
    made = object.__new__(kind)
    made.__dict__.update(held)
    return made


class Holder:
    """Of no library that is known."""

    def __init__(self):
        self.net = network()


class Quantised(torch.Tensor):
    """As the tensors of torchao are."""


Quantised.__module__ = "torchao.dtypes.affine"


def quantised():
    found = network()
    weight = torch.Tensor._make_subclass(Quantised, found[0].weight.data)
    found[0].weight = nn.Parameter(weight, requires_grad=False)
    return found


GIVEN = [
    (lambda: torch.jit.script(network()), r"it is TorchScript .*before torch\.jit\.script"),
    (lambda: torch.jit.trace(network(), INPUTS), r"it is TorchScript .*or torch\.jit\.trace"),
    (lambda: nn.Sequential(nn.Linear(5, 5), torch.jit.script(network())), "its 1 is TorchScript"),
    (quantised, r"its 0 is quantised \(torchao\.dtypes\.affine\.Quantised\).*before it was quant"),
    (lambda: nn.Sequential(of("torch.ao.nn.quantized.modules.linear", "Linear", (nn.Linear,),
                              **network()[0].__dict__)),
     r"its 0 is quantised \(torch\.ao\.nn\.quantized\.modules\.linear\.Linear\)"),
    (lambda: of("skorch.classifier", "NeuralNetClassifier"),
     r"a skorch net \(NeuralNetClassifier\); .*net\.module_, which exists after net\.initialize"),
    (lambda: of("mine", "MyNet", (type(of("skorch.net", "NeuralNet")),)), r"a skorch net \(MyNet"),
    (lambda: of("fastai.learner"), r"a fastai Learner; .*Give learn\.model"),
    (lambda: of("transformers.pipelines.text_classification", "TextClassificationPipeline"),
     r"a transformers pipeline .*Give pipeline\.model"),
    (lambda: of("transformers.trainer", "Trainer"), r"a transformers Trainer; .* trainer\.model"),
    (lambda: of("lightning.pytorch.trainer.trainer", "Trainer"), r".*trainer\.lightning_module"),
    (lambda: of("pytorch_lightning.trainer.trainer", "Trainer"), r".*trainer\.lightning_module"),
    (lambda: of("keras.src.models.sequential", "Sequential"), "a Keras model .*KERAS_BACKEND=tor"),
    (lambda: of("onnxruntime.capi", "InferenceSession"), "an ONNX session .*exported from"),
    (lambda: torch.export.export(network(), (INPUTS,)), "an exported program .*exported from"),
    (Holder, r"a Holder, which holds a network; .*Give its \.net\."),
    (lambda: nn.ReLU, r"the class ReLU; .*Make one: ReLU\(\.\.\.\)"),
    (lambda: network().state_dict(), r"a state dict; .*network\.load_state_dict"),
    (lambda: "net.pt", r"the text 'net\.pt'; .*Load the network first"),
    (lambda: torch.relu, "a builtin_function_or_method; .*Wrap what does the computing"),
    (lambda: None, r"a NoneType; allowed is a torch\.nn\.Module"),
]  # fmt: skip


@pytest.mark.filterwarnings("ignore::DeprecationWarning")  # of torch.jit, which is on its way out
@pytest.mark.parametrize(("make", "words"), GIVEN)
def test_is_refused_with_the_way_out(make, words):
    given = make()
    with pytest.raises(NetworkError, match=f"^network: (given )?{words}"):
        as_network(given)


DOORS = {
    "find_sites": lambda given, data: la.find_sites(given, data),
    "evaluate": lambda given, data: la.evaluate(given, data, [CUT]),
    "plan": lambda given, data: la.plan(given, data, [CUT]),
    "recover": lambda given, data: la.recover(given, CUT, data, data),
    "scores": lambda given, data: la.scores(given, CUT.site, data),
    "train": lambda given, data: la.train(given, data),
}


@pytest.mark.filterwarnings("ignore::DeprecationWarning")
@pytest.mark.parametrize("door", DOORS)
def test_every_door_refuses_it(door):
    for given, words in ((torch.jit.script(network()), "TorchScript"), (Holder(), r"its \.net")):
        with pytest.raises(NetworkError, match=words):
            DOORS[door](given, (INPUTS, LABELS))


def test_a_network_is_let_through():
    for given in (network(), nn.DataParallel(network()), network().double(), nn.Identity()):
        assert as_network(given) is given
