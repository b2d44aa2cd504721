import numpy as np


def relu(x):
    # What becomes of a negative number?
    return x.copy()


def softmax(z):
    # What should the numbers along the last axis add up to?
    return np.exp(z)
