"""The problems in their order."""

from .problem import Problem

SERIES = {
    problem.number: problem
    for problem in (
        Problem("01", "Convolution, as loops", "conv2d_naive", ("conv2d_naive",)),
        Problem("02", "Padding and stride", "conv2d", ("conv2d",)),
        Problem("03", "Max pooling", "max_pool_2d", ("max_pool_2d",)),
        Problem("04", "ReLU and softmax", "relu_softmax", ("relu", "softmax")),
        Problem("05", "Convolution backward", "conv2d_backward", ("conv2d_backward",)),
        Problem("06", "A small network", "mini_cnn_forward", ("mini_cnn_forward",)),
    )
}
