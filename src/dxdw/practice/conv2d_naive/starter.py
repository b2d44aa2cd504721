import numpy as np


def conv2d_naive(x, W):
    C_in, height, width = x.shape
    C_out, C_in, kH, kW = W.shape

    # How large is the output? What goes into out[o, i, j]?

    return np.zeros((C_out, height, width))
