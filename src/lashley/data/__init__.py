"""Examples, and the loaders of the data sets that the built-in studies use."""

from lashley.data.cifar10 import cifar10
from lashley.data.digits import digits
from lashley.data.examples import Examples, as_examples, fingerprint
from lashley.data.mnist import binarised, mnist

__all__ = ["Examples", "as_examples", "binarised", "cifar10", "digits", "fingerprint", "mnist"]
