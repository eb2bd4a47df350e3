"""Examples, and the loaders of the data sets that the built-in studies use."""

from lashley.data.cifar10 import cifar10, cifar10_classes
from lashley.data.digits import digits
from lashley.data.examples import Examples, as_examples, fingerprint
from lashley.data.image_folder import image_folder, look_into
from lashley.data.mnist import binarised, mnist
from lashley.data.subset import subset

__all__ = [
    "Examples",
    "as_examples",
    "binarised",
    "cifar10",
    "cifar10_classes",
    "digits",
    "fingerprint",
    "image_folder",
    "look_into",
    "mnist",
    "subset",
]
