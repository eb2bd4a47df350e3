"""Networks with the weights that their authors published."""

from __future__ import annotations

from torch import nn

from lashley.files import Remote, find, locate
from lashley.networks.mlp import mlp
from lashley.networks.vgg import vgg19_bn
from lashley.networks.weights import read_weights, with_weights

_AUTHORS_URL = (
    "https://raw.githubusercontent.com/RichardMeyes/AblationStudies/"
    "df1ffa19a9820d52d661e35f13d486a07563d285/nets/MNIST_MLP%2820%2C%2010%29_{state}.pt"
)
_AUTHORS_SHA256 = {
    "trained": "e4fdbec2136c8354fa4a5d1fda47802919aef5d80f073ebaba111effaa926d4b",
    "untrained": "1afc2ed4768a4fbfa7cc88eea6a2c15759a2f39f00dd0a80059b64bebe32cdc5",
}
_IMAGENET = Remote(  # the beginning of its SHA-256 is published, in the file's name
    "vgg19_bn-c79401a0.pth",
    "c79401a0",
    ("https://download.pytorch.org/models/vgg19_bn-c79401a0.pth",),
)


def authors_mlp() -> tuple[nn.Module, nn.Module]:
    """The paper's MLP as its authors published it: (trained, untrained).

    From `LASHLEY_DATA/meyes2019`, else the user's cache, else downloaded.

    Raises:
        DataError: If the files are not available.

    Source: github.com/RichardMeyes/AblationStudies (BSD-3), nets/.
    """
    remotes = {
        state: Remote(f"mlp_{state}.pt", sha, (_AUTHORS_URL.format(state=state),))
        for state, sha in _AUTHORS_SHA256.items()
    }
    paths = locate("meyes2019", list(remotes.values()))
    trained, untrained = (
        with_weights(mlp([784, 20, 10, 10], bias=False), read_weights(paths[remotes[s].name]))
        for s in ("trained", "untrained")
    )
    return trained, untrained


def imagenet_is_here() -> bool:
    """Whether `vgg19_bn_imagenet` needs no download."""
    return find("networks", _IMAGENET.name) is not None


def vgg19_bn_imagenet() -> nn.Module:
    """VGG-19 with batch norm as torchvision publishes it, trained on ImageNet's 1,000 classes.

    From `LASHLEY_DATA/networks`, else the user's cache, else downloaded (548 MB). Images are
    224 x 224, (x / 255 - mean) / std with mean .485 .456 .406 and std .229 .224 .225.

    Raises:
        DataError: If the file is not available.
        NetworkError: If it is damaged.

    Source: torchvision.models.VGG19_BN_Weights.IMAGENET1K_V1 (BSD-3).
    """
    paths = locate("networks", [_IMAGENET])
    return with_weights(vgg19_bn(), read_weights(paths[_IMAGENET.name]))
