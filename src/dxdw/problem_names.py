"""The problems of the practice series that the checker knows, by their functions' names."""

from typing import Literal, get_args

# The first is what is meant where none is named.
ProblemName = Literal[
    "conv2d_backward", "conv2d_naive", "conv2d", "max_pool_2d", "relu", "softmax",
    "mini_cnn_forward",
]  # fmt: skip
PROBLEMS: tuple[ProblemName, ...] = get_args(ProblemName)
