"""Options by the names that other libraries give them: refused, with what they are called here."""

import inspect
import re
from collections.abc import Callable
from typing import Any

from ..core.documentation import refused

_WORD = "padding='valid', 'same' or 'full'; padding_mode= is the border's kind"
# docs/reference/errors.md has them too, and docs/coming library by library.
_HERE = {
    "b": "bias=",
    "border_mode": _WORD,  # Theano's
    "boundary": "padding_mode=",  # SciPy's
    "dilation_rate": "dilation=",  # TensorFlow's
    "dilations": "dilation=",  # TensorFlow's, ONNX's
    "feature_group_count": "groups=",  # JAX's
    "group": "groups=",  # ONNX's
    "kernel_dilation": "dilation=",  # Flax's
    "mode": _WORD,  # SciPy's
    "num_threads": "threads=, or DXDW_NUM_THREADS for all calls",
    "pad": "padding=",  # CuPy's, Chainer's
    "pads": "padding=",  # ONNX's
    "rhs_dilation": "dilation=",  # JAX's
    "strides": "stride=",  # TensorFlow's, ONNX's
    "window_strides": "stride=",  # JAX's
    "workers": "threads=, or DXDW_NUM_THREADS for all calls",  # SciPy's
}


def unexpected(function: Callable[..., Any], given: dict[str, Any]) -> TypeError:
    """The error to raise where a function is given what it does not take."""
    name = next(iter(given))
    here = _HERE.get(name, "")
    known = {*inspect.signature(function).parameters, "bias"}  # bias is the forward's
    hint = f"; here that is {here}" if here and {*re.findall(r"(\w+)=", here)} <= known else ""
    told = f"{function.__name__}() got an unexpected keyword argument {name!r}{hint}"
    return refused(TypeError, told)
