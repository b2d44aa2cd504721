import numpy as np


def conv2d_backward(grad_out, x, W):
    C_out, outH, outW = grad_out.shape
    kH, kW = W.shape[2:]
    dx = np.zeros(x.shape)
    dW = np.zeros(W.shape)

    # Where does the gradient of each output go?

    return dx, dW
