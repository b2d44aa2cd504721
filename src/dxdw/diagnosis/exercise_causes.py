"""The mistakes of the other problems by name, in the form of `causes`."""

from .causes import Cause

_OUT = "out[o, i, j] = (x[:, i : i + kH, j : j + kW] * W[o]).sum()"
_PAD = "x = np.pad(x, ((0, 0), (p, p), (p, p)))"
_SIZE = "outH = (H + 2 * p - kH) // s + 1"
_STRIDE = "patch = x[:, i * s : i * s + kH, j * s : j * s + kW]"
_POOL = "out[c, i, j] = x[c, i * s : i * s + k, j * s : j * s + k].max()"
_RELU = "out = np.maximum(x, 0)"
_SOFTMAX = "out = exp(z - max(z)) / sum(exp(z - max(z)))  # along the last axis"
_NET = "softmax(max_pool_2d(relu(conv2d_naive(x, W_conv)), 2, 2).ravel() @ W_fc)"

EXERCISE_CAUSES = {
    "kernel-flipped": Cause(
        "the kernel is flipped", _OUT,
        "The kernel is laid on the image as it stands, without turning it.",
        "Which pixel of the window does W[o, c, 0, 0] meet?",
    ),
    "kernel-transposed": Cause(
        "the kernel's rows and columns are exchanged", _OUT,
        "The kernel's first row lies on the window's first row.",
        "Which axis of W runs along the rows of the image?",
    ),
    "last-position-skipped": Cause(
        "the last row or column of the output is missing", _SIZE,
        "The last window that fits into the image counts too.",
        "How many windows of 2 fit into 3 pixels?",
    ),
    "input-channels-lost": Cause(
        "only the first input channel is used", _OUT,
        "All input channels add to the same output.",
        "What does channel 1 of x add to the output?",
    ),
    "kernel-channel-fixed": Cause(
        "one kernel stands for all", _OUT,
        "Every output channel o has a kernel of its own, W[o].",
        "Which kernel makes output channel o?",
    ),
    "scaled": Cause(
        "the output is divided by the kernel's size", _OUT,
        "A convolution adds its products up; it takes no mean of them.",
        "Is the output of a convolution a mean?",
    ),
    "output-overwritten": Cause(
        "the last channel overwrites the others", _OUT,
        "All input channels add to the same output.",
        "What is in the output before the second channel comes, and what after?",
    ),
    "padding-ignored": Cause(
        "the padding is left out", _PAD,
        "The frame of zeros makes room for more windows, so the output grows.",
        "How large is the output for a padding of 1?",
    ),
    "padding-one-sided": Cause(
        "not every side is padded", _PAD,
        "There are p rows of zeros above and p below, p columns to the left and p to the right.",
        "With ones and a 3×3 kernel, do all four corners give the same?",
    ),
    "padding-not-zero": Cause(
        "the padding is not zero", _PAD,
        "A pixel outside the image counts as 0.",
        "What should a pixel beyond the edge add to the sum?",
    ),
    "padding-of-channels": Cause(
        "the channels are padded too", _PAD,
        "The frame lies around each plane; no channel is added.",
        "Which axes of x lie in the plane of the image?",
    ),
    "stride-ignored": Cause(
        "the stride is left out", _STRIDE,
        "The windows lie s pixels apart, not one.",
        "Where does the second window begin for a stride of 2?",
    ),
    "stride-of-one-axis": Cause(
        "the stride is used along one axis only", _STRIDE,
        "The windows lie s pixels apart, both down and across.",
        "Does your window move by the stride both down and to the right?",
    ),
    "options-exchanged": Cause(
        "two of the options are exchanged", "def conv2d(x, W, padding, stride)",
        "The order is that of the function in the statement.",
        "In which order do the parameters come?",
    ),
    "mean-for-max": Cause(
        "another number than the largest is taken", _POOL,
        "Of every window the largest number is kept.",
        "Which number of a window is wanted?",
    ),
    "maximum-from-zero": Cause(
        "the search for the largest number begins at 0", _POOL,
        "The largest number of a window may be negative.",
        "What is the largest of −3, −1 and −2?",
    ),
    "windows-cut-short": Cause(
        "not all of a window is looked at", _POOL,
        "A window has k rows and k columns, and all of its numbers count.",
        "Which is the last pixel of a window of k×k?",
    ),
    "windows-past-the-edge": Cause(
        "windows that do not fit are counted", "outH = (H - k) // s + 1",
        "Only windows that lie wholly inside the image count.",
        "Does the last window lie inside x?",
    ),
    "channels-mixed": Cause(
        "the channels are not kept apart", _POOL,
        "Each channel is pooled by itself.",
        "How many channels has the output?",
    ),
    "relu-absolute": Cause(
        "negative numbers change their sign", _RELU,
        "Negative numbers become 0, and the others stay.", "What should become of −2?",
    ),
    "relu-reversed": Cause(
        "the wrong half is kept", _RELU,
        "Negative numbers become 0, and the others stay.", "What should become of 2?",
    ),
    "relu-step": Cause(
        "the derivative is returned", _RELU,
        "Where x is positive the result is x itself; 1 is the slope there.",
        "What should become of 2?",
    ),
    "relu-leaky": Cause(
        "negative numbers are kept in part", _RELU,
        "Nothing is left of a negative number.", "What should become of −2?",
    ),
    "relu-saturates": Cause(
        "large numbers are cut off", _RELU,
        "A number above 0 stays what it is, however large.", "What should become of 9?",
    ),
    "softmax-overflows": Cause(
        "exp overflows for large numbers", _SOFTMAX,
        "In float64 exp(710) is infinite. The same number taken from every score changes no "
        "probability, so the exponents can be kept at 0 and below.",
        "What is exp(1000) in float64?",
    ),
    "softmax-axis": Cause(
        "the sum is taken along another axis", _SOFTMAX,
        "Every row of the last axis becomes probabilities of its own.",
        "Which numbers of a matrix should add up to 1?",
    ),
    "softmax-not-normalised": Cause(
        "the numbers do not add up to 1", _SOFTMAX,
        "Probabilities add up to 1: each power is divided by the sum of all.",
        "What should the sum of the output be?",
    ),
    "softmax-without-exp": Cause(
        "exp is left out", _SOFTMAX,
        "Scores may be negative, probabilities may not: exp makes them positive.",
        "Can a probability be negative?",
    ),
    "softmax-logarithm": Cause(
        "the logarithm is returned", _SOFTMAX,
        "The probabilities themselves are wanted, numbers between 0 and 1.",
        "Can a probability be negative?",
    ),
    "softmax-sign": Cause(
        "the largest number gets the least", _SOFTMAX,
        "The larger the score, the larger the probability.",
        "Which class should be the likeliest?",
    ),
    "flatten-order": Cause(
        "the features are flattened in another order", _NET,
        "Channel after channel, and each of them row after row: as ravel does it.",
        "Which feature is multiplied by the second row of W_fc?",
    ),
    "relu-left-out": Cause(
        "the ReLU is left out", _NET,
        "Negative numbers become 0 before the pooling.", "What comes after the convolution?",
    ),
    "softmax-left-out": Cause(
        "the softmax is left out", _NET,
        "The last step turns scores into probabilities.", "Do your outputs add up to 1?",
    ),
}  # fmt: skip
