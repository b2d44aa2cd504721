"""Problem 06 of the practice series: convolution, ReLU, pooling and softmax, put together."""

from typing import Any

from . import _typed
from . import layer_arguments as checks
from .convolution import conv2d
from .core.arrays import Array
from .core.documentation import refused
from .layers import linear, max_pool_2d, relu, softmax


@_typed.network
def mini_cnn_forward(x: Any, W_conv: Any, W_fc: Any) -> Array:
    """The two probabilities that a small network gives an 8×8 image.

        x → conv2d → relu → max_pool_2d(2, 2) → flatten → @ W_fc → softmax

    In shapes: (1, 8, 8) → (C, 6, 6) → (C, 6, 6) → (C, 3, 3) → (9·C,) → (2,) → (2,). The flattening
    is in row-major order: channel after channel, row after row.

    Parameters
    ----------
    x : array_like
        (1, 8, 8), one grey image.
    W_conv : array_like
        (C, 1, 3, 3), the kernels.
    W_fc : array_like
        (9·C, 2), the matrix of the last layer.

    Returns
    -------
    array
        (2,), a new array that sums to 1. Integers and lists are computed in float64; float32 stays
        float32.

    Raises
    ------
    ValueError
        Shapes that are not those above.
    TypeError
        Arrays of bool, complex or no numbers, or of another library than NumPy.

    See Also
    --------
    conv2d, dxdw.layers

    References
    ----------
    LeCun et al., "Gradient-based learning applied to document recognition", 1998, in
    miniature.

    Examples
    --------
    >>> import numpy as np
    >>> mini_cnn_forward(np.ones((1, 8, 8)), np.ones((1, 1, 3, 3)), np.zeros((9, 2)))
    array([0.5, 0.5])
    """
    (x, W_conv, W_fc), result = checks.operands(x=x, W_conv=W_conv, W_fc=W_fc)
    checks.check_shape(x, "x", (1, 8, 8), "one grey image of 8×8")
    if W_conv.ndim != 4 or W_conv.shape[1:] != (1, 3, 3) or not len(W_conv):
        raise refused(
            ValueError,
            f"W_conv has shape {W_conv.shape}: it must be (C, 1, 3, 3), with at least 1 kernel",
            "layers",
        )
    features = 9 * len(W_conv)
    checks.check_shape(W_fc, "W_fc", (features, 2), f"(9·C, 2) for W_conv {W_conv.shape}")
    pooled = max_pool_2d(relu(conv2d(x, W_conv)), kernel_size=2, stride=2)
    return softmax(linear(pooled.reshape(features), W_fc)).astype(result, copy=False)
