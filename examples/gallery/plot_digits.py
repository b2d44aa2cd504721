"""
Learn to read digits
====================

A layer written by hand is two functions. Here they make a network of sixteen kernels that learns
1,437 real handwritten digits.
"""

import matplotlib.pyplot as plt
import numpy as np

from dxdw import conv2d, conv2d_backward, relu
from dxdw.classifier.digits import split_digits
from dxdw.layers import linear, linear_backward, relu_backward, softmax_cross_entropy

train, held_out = split_digits()
rng = np.random.default_rng(0)
W = rng.normal(0, 1 / 3, (16, 1, 3, 3)).astype(np.float32)
V = rng.normal(0, 1 / 32, (16 * 8 * 8, 10)).astype(np.float32)

# %%
# Forward, loss, and both backward passes, in the order of the chain rule.


def scores(images):
    before = conv2d(images, W, padding=1)
    return before, linear(relu(before).reshape(len(images), -1), V)


losses, accuracies = [], []
for _ in range(12):
    for batch in np.array_split(rng.permutation(len(train.labels)), 40):
        images, labels = train.images[batch], train.labels[batch]
        before, logits = scores(images)
        loss, dlogits = softmax_cross_entropy(logits, labels)
        top = linear_backward(dlogits, relu(before).reshape(len(images), -1), V)
        back = relu_backward(top.dx.reshape(before.shape), before)
        W -= 0.1 * conv2d_backward(back, images, W, padding=1, needs=("dW",)).dW
        V -= 0.1 * top.dW
        losses.append(loss)
    guesses = scores(held_out.images)[1].argmax(1)
    accuracies.append((guesses == held_out.labels).mean())

figure, (left, right) = plt.subplots(1, 2, figsize=(9, 3), layout="constrained")
left.plot(losses, lw=1)
left.set(xlabel="batch", ylabel="loss", yscale="log")
right.plot(np.arange(1, len(accuracies) + 1), np.array(accuracies) * 100, "o-")
right.set(xlabel="epoch", ylabel="% of held-out digits read", title=f"{accuracies[-1]:.1%}")
