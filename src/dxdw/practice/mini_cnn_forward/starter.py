import numpy as np


def mini_cnn_forward(x, W_conv, W_fc):
    # convolution, relu, max pooling,
    # flattening, matrix product, softmax
    return np.zeros(2)
