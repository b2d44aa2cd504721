import numpy as np


def conv2d(x, W, padding=0, stride=1):
    C_out, C_in, kH, kW = W.shape
    p, s = padding, stride
    x = np.pad(x, ((0, 0), (p, p), (p, p)))
    outH = (x.shape[1] - kH) // s + 1
    outW = (x.shape[2] - kW) // s + 1
    out = np.zeros((C_out, outH, outW))
    for o in range(C_out):
        for i in range(outH):
            for j in range(outW):
                patch = x[:, i * s : i * s + kH, j * s : j * s + kW]
                out[o, i, j] = (patch * W[o]).sum()
    return out
