import numpy as np


def conv2d_naive(x, W):
    C_in, height, width = x.shape
    C_out, C_in, kH, kW = W.shape
    outH = height - kH + 1
    outW = width - kW + 1
    out = np.zeros((C_out, outH, outW))
    for o in range(C_out):
        for i in range(outH):
            for j in range(outW):
                patch = x[:, i : i + kH, j : j + kW]
                out[o, i, j] = (patch * W[o]).sum()
    return out
