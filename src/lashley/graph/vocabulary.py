"""Operations by what they do to units: which act on each number alone, which move numbers."""

from __future__ import annotations

ELEMENTWISE = frozenset({
    "relu", "relu6", "leaky_relu", "prelu", "elu", "selu", "celu", "gelu", "silu", "mish", "tanh",
    "sigmoid", "logsigmoid", "log_sigmoid", "softplus", "softsign", "softshrink", "hardtanh",
    "hardswish", "hardsigmoid", "hardshrink", "tanhshrink", "threshold", "_threshold", "identity",
    "exp", "exp2", "expm1", "erf", "abs", "neg", "square", "sqrt", "rsqrt", "reciprocal", "pow",
    "log", "log1p", "sin", "cos", "atan", "sign", "floor", "round", "clamp", "clip", "clamp_min",
    "clamp_max", "add", "sub", "rsub", "subtract", "mul", "multiply", "div", "divide", "truediv",
    "true_divide", "contiguous", "clone", "to", "_to_copy", "type", "type_as", "float", "double",
    "half", "bfloat16", "bool", "dropout", "alpha_dropout", "dropout1d", "dropout2d", "dropout3d",
    "feature_dropout", "feature_alpha_dropout", "detach", "rrelu", "batch_norm", "where",
    "masked_fill", "minimum", "maximum", "gt", "lt", "ge", "le", "eq", "ne", "greater", "less",
    "fmax", "fmin", "addcmul", "addcdiv", "logical_and", "logical_or", "logical_not",
    "logical_xor", "bitwise_and", "bitwise_or", "bitwise_not", "and_", "or_", "invert",
    "nan_to_num", "heaviside", "complex", "conj", "conj_physical", "angle",
    "acos", "acosh", "arccos", "arccosh", "arcsin", "arcsinh", "arctan", "arctan2", "arctanh",
    "asin", "asinh", "atan2", "atanh", "bitwise_left_shift", "bitwise_right_shift", "bitwise_xor",
    "ceil", "copysign", "cosh", "deg2rad", "digamma", "erfc", "erfinv", "expit", "fix",
    "float_power", "floor_divide", "floordiv", "fmod", "frac", "gammainc", "gammaincc",
    "gammaln", "gcd", "hypot", "i0", "i0e", "i1", "i1e", "igamma", "igammac", "isclose",
    "isfinite", "isinf", "isnan", "isneginf", "isposinf", "isreal", "lcm", "ldexp", "lerp",
    "lgamma", "log10", "log2", "logaddexp", "logaddexp2", "log_ndtr", "logit", "lshift", "mod",
    "multigammaln", "mvlgamma", "ndtr", "ndtri", "negative", "nextafter", "not_equal", "polygamma",
    "positive", "pos", "psi", "rad2deg", "remainder", "rshift", "sgn", "signbit", "sinc", "sinh",
    "tan", "trunc", "xlog1py", "xlogy", "xor", "entr", "erfcx", "zeta",
    "airy_ai", "bessel_j0", "bessel_j1", "bessel_y0", "bessel_y1", "modified_bessel_i0",
    "modified_bessel_i1", "modified_bessel_k0", "modified_bessel_k1", "scaled_modified_bessel_k0",
    "scaled_modified_bessel_k1", "spherical_bessel_j0", "chebyshev_polynomial_t",
    "chebyshev_polynomial_u", "chebyshev_polynomial_v", "chebyshev_polynomial_w",
    "hermite_polynomial_h", "hermite_polynomial_he", "laguerre_polynomial_l",
    "legendre_polynomial_p", "shifted_chebyshev_polynomial_t", "shifted_chebyshev_polynomial_u",
    "shifted_chebyshev_polynomial_v", "shifted_chebyshev_polynomial_w",
})  # fmt: skip
NORMALISATION = frozenset({"layer_norm", "group_norm", "instance_norm", "rms_norm", "normalize"})
STANDARDISED = frozenset({"native_layer_norm", "native_group_norm"})  # the result comes first
MOVES = frozenset({
    "view", "reshape", "_unsafe_view", "_reshape_alias", "flatten", "unflatten", "permute",
    "transpose", "t", "adjoint", "movedim", "moveaxis", "swapaxes", "swapdims", "squeeze",
    "unsqueeze", "split", "split_with_sizes", "chunk", "tensor_split", "unbind", "narrow", "slice",
    "select", "index_select", "getitem", "expand", "expand_as", "view_as", "reshape_as",
    "broadcast_to", "repeat", "tile", "cat", "concat", "concatenate", "stack", "hstack", "vstack",
    "roll", "flip", "pad", "constant_pad_nd", "pixel_shuffle", "pixel_unshuffle",
    "channel_shuffle", "repeat_interleave", "zero_pad1d", "zero_pad2d", "zero_pad3d",
    "constant_pad1d", "constant_pad2d", "constant_pad3d", "numpy_T", "matrix_H", "copy",
    "slice_scatter", "select_scatter", "diagonal_scatter", "index", "index_put",
    "view_as_real", "view_as_complex",
})  # fmt: skip
MOVED_BY_ATTRIBUTE = frozenset({"T", "mT", "H", "mH", "real", "imag"})  # y.T and the like
REDUCTIONS = frozenset({"mean", "var", "std", "sum", "var_mean", "std_mean"})
STANDARDISING = frozenset({"sqrt", "rsqrt", "std"})  # what a normalisation divides by
LENGTHS = frozenset({"norm", "linalg_norm", "linalg_vector_norm"})  # of vectors
ABOUT = frozenset({  # asks for a shape, a device or a type, and reads no number
    "size", "dim", "numel", "nelement", "ndimension", "stride", "get_device", "is_floating_point",
    "is_complex", "element_size", "sym_size", "sym_numel", "sym_stride", "zeros_like", "ones_like",
    "empty_like", "full_like", "rand_like", "randn_like", "new_zeros", "new_ones", "new_empty",
    "new_full", "new_tensor", "len",
})  # fmt: skip
ABOUT_ATTRIBUTES = frozenset({
    "shape", "device", "dtype", "ndim", "is_cuda", "requires_grad", "layout", "itemsize", "names",
    "is_sparse", "is_quantized", "is_meta", "nbytes",
})  # fmt: skip
FILLED = frozenset({  # one number everywhere
    "zeros_like", "ones_like", "full_like", "new_zeros", "new_ones", "new_full", "zeros", "ones",
    "full",
})  # fmt: skip
LIKE_ANOTHER = frozenset({"view_as", "reshape_as", "expand_as", "type_as", "to"})  # its shape, type
