"""Networks: the built-in ones, any importable one, and their weights."""

from lashley.networks.given import as_network
from lashley.networks.mlp import mlp
from lashley.networks.published import authors_mlp, imagenet_is_here, vgg19_bn_imagenet
from lashley.networks.seeding import seeded
from lashley.networks.source import load
from lashley.networks.vgg import vgg19_bn
from lashley.networks.weights import (
    check_finite,
    read_weights,
    save_weights,
    with_weights,
    write_weights,
)

__all__ = [
    "as_network",
    "authors_mlp",
    "check_finite",
    "imagenet_is_here",
    "load",
    "mlp",
    "read_weights",
    "save_weights",
    "seeded",
    "vgg19_bn",
    "vgg19_bn_imagenet",
    "with_weights",
    "write_weights",
]
