import numpy as np


def mini_cnn_forward(x, W_conv, W_fc):
    features = conv2d(x, W_conv)
    features = np.maximum(features, 0)
    features = max_pool(features)
    scores = features.ravel() @ W_fc
    powers = np.exp(scores - scores.max())
    return powers / powers.sum()


def conv2d(x, W):
    C_out, C_in, kH, kW = W.shape
    out = np.zeros((C_out, x.shape[1] - kH + 1, x.shape[2] - kW + 1))
    for o, i, j in np.ndindex(*out.shape):
        out[o, i, j] = (x[:, i : i + kH, j : j + kW] * W[o]).sum()
    return out


def max_pool(x):
    C, height, width = x.shape
    out = np.zeros((C, height // 2, width // 2))
    for c, i, j in np.ndindex(*out.shape):
        out[c, i, j] = x[c, 2 * i : 2 * i + 2, 2 * j : 2 * j + 2].max()
    return out
