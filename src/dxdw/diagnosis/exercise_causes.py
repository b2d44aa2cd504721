"""The mistakes of the other problems by name, in the form of `causes`."""

from .causes import Cause

_OUT = "out[o,i,j] = Σ_{c,u,v} x[c,i+u,j+v] · W[o,c,u,v]"
_PAD = "out[o,i,j] = Σ_{c,u,v} x[c, i·s+u−p, j·s+v−p] · W[o,c,u,v], with 0 outside x"
_POOL = "out[c,i,j] = max of x[c, i·s … i·s+k−1, j·s … j·s+k−1]"
_SOFTMAX = "out[k] = exp(z[k] − max z) / Σ_m exp(z[m] − max z)"
_NET = "conv → relu → max-pool 2,2 → flatten, channel by channel, row by row → @ W_fc → softmax"

EXERCISE_CAUSES = {
    "kernel-flipped": Cause(
        "the kernel is flipped", f"{_OUT}: a cross-correlation, the kernel as it stands",
        "Which pixel of the window does W[o,c,0,0] meet?",
    ),
    "kernel-transposed": Cause(
        "the kernel's rows and columns are exchanged", f"{_OUT}: u goes with the rows",
        "Which axis of W runs along the rows of the image?",
    ),
    "last-position-skipped": Cause(
        "the last row or column of the output is missing",
        "out is (H + 2p − k)//s + 1 high: the last window that fits counts",
        "How many windows of 2 fit into 3 pixels?",
    ),
    "input-channels-lost": Cause(
        "only the first input channel is used", f"{_OUT}: a sum over all c",
        "What does channel 1 of x add to the output?",
    ),
    "kernel-channel-fixed": Cause(
        "one kernel stands for all", f"{_OUT}: output channel o is made by W[o]",
        "Which kernel makes output channel o?",
    ),
    "scaled": Cause(
        "the output is divided by the kernel's size", f"{_OUT}: a sum, not a mean",
        "Is the output of a convolution a mean?",
    ),
    "output-overwritten": Cause(
        "the last channel overwrites the others", f"{_OUT}: a sum over all c",
        "What is in the output before the second channel comes, and what after?",
    ),
    "padding-ignored": Cause(
        "the padding is left out", _PAD, "How large is the output for a padding of 1?",
    ),
    "padding-one-sided": Cause(
        "not every side is padded", f"{_PAD}: p on all four sides",
        "With ones and a 3×3 kernel, do all four corners give the same?",
    ),
    "padding-not-zero": Cause(
        "the padding is not zero", _PAD, "What should a pixel beyond the edge add to the sum?",
    ),
    "padding-of-channels": Cause(
        "the channels are padded too", f"{_PAD}: c has no padding",
        "Which axes of x lie in the plane of the image?",
    ),
    "stride-ignored": Cause(
        "the stride is left out", "window (i,j) begins at pixel (i·s, j·s)",
        "Where does the second window begin for a stride of 2?",
    ),
    "stride-of-one-axis": Cause(
        "the stride is used along one axis only", "window (i,j) begins at pixel (i·s, j·s)",
        "Does your window move by the stride both down and to the right?",
    ),
    "options-exchanged": Cause(
        "two of the options are exchanged", "the order is that of the function's signature",
        "In which order do the parameters come?",
    ),
    "mean-for-max": Cause(
        "another number than the largest is taken", _POOL, "Which number of a window is wanted?",
    ),
    "maximum-from-zero": Cause(
        "the maximum is searched from zero on", f"{_POOL}, which may be negative",
        "What is the largest of −3, −1 and −2?",
    ),
    "windows-cut-short": Cause(
        "not all of a window is looked at", _POOL, "Which is the last pixel of a window of k×k?",
    ),
    "windows-past-the-edge": Cause(
        "windows that do not fit are counted", f"{_POOL}, for (H−k)//s + 1 windows a column",
        "Does the last window lie inside x?",
    ),
    "channels-mixed": Cause(
        "the channels are not kept apart", f"{_POOL}: every c by itself",
        "How many channels has the output?",
    ),
    "relu-absolute": Cause(
        "negative numbers change their sign", "out = max(x, 0)", "What should become of −2?",
    ),
    "relu-reversed": Cause(
        "the wrong half is kept", "out = max(x, 0)", "What should become of 2?",
    ),
    "relu-step": Cause(
        "the derivative is returned", "out = max(x, 0): x itself where it is positive",
        "What should become of 2?",
    ),
    "relu-leaky": Cause(
        "negative numbers are kept in part", "out = max(x, 0)", "What should become of −2?",
    ),
    "relu-saturates": Cause(
        "large numbers are cut off", "out = max(x, 0), without an upper end",
        "What should become of 9?",
    ),
    "softmax-overflows": Cause(
        "exp overflows for large numbers", f"{_SOFTMAX}: the same, and no exp of more than 0",
        "What is exp(1000) in float64?",
    ),
    "softmax-axis": Cause(
        "the sum is taken along another axis", f"{_SOFTMAX}, along the last axis",
        "Which numbers of a matrix should add up to 1?",
    ),
    "softmax-not-normalised": Cause(
        "the numbers do not add up to 1", _SOFTMAX, "What should the sum of the output be?",
    ),
    "softmax-without-exp": Cause(
        "exp is left out", _SOFTMAX, "Can a probability be negative?",
    ),
    "softmax-logarithm": Cause(
        "the logarithm is returned", _SOFTMAX, "Can a probability be negative?",
    ),
    "softmax-sign": Cause(
        "the largest number gets the least", _SOFTMAX, "Which class should be the likeliest?",
    ),
    "flatten-order": Cause(
        "the features are flattened in another order", f"{_NET}",
        "Which feature is multiplied by the second row of W_fc?",
    ),
    "relu-left-out": Cause("the ReLU is left out", _NET, "What comes after the convolution?"),
    "softmax-left-out": Cause("the softmax is left out", _NET, "Do your outputs add up to 1?"),
}  # fmt: skip
