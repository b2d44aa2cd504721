import numpy as np


def conv2d_backward(grad_out, x, W):
    C_out, outH, outW = grad_out.shape
    kH, kW = W.shape[2:]
    dx = np.zeros(x.shape)
    dW = np.zeros(W.shape)
    for o in range(C_out):
        for i in range(outH):
            for j in range(outW):
                g = grad_out[o, i, j]
                dW[o] += g * x[:, i : i + kH, j : j + kW]
                dx[:, i : i + kH, j : j + kW] += g * W[o]
    return dx, dW
