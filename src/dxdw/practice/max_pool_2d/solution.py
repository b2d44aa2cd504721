import numpy as np


def max_pool_2d(x, kernel_size, stride):
    C, height, width = x.shape
    k, s = kernel_size, stride
    outH = (height - k) // s + 1
    outW = (width - k) // s + 1
    out = np.zeros((C, outH, outW))
    for c in range(C):
        for i in range(outH):
            for j in range(outW):
                window = x[c, i * s : i * s + k, j * s : j * s + k]
                out[c, i, j] = window.max()
    return out
