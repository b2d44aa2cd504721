"""
The gradient of a whole network
===============================

Why does a network read a 7? Its score goes back through every layer to the pixels: blue ones speak
for the digit, red ones against it.
"""

from importlib.resources import as_file, files

import matplotlib.pyplot as plt
import numpy as np

from dxdw.classifier.digits import split_digits
from dxdw.classifier.model_file import load_model

with as_file(files("dxdw") / "data" / "tinycnn.npz") as path:
    model = load_model(path)
_, held_out = split_digits()

# %%
# One digit of each kind. The loss falls where the probability of the true digit grows, so the
# opposite of its gradient is what speaks for it.

first = [np.flatnonzero(held_out.labels == digit)[0] for digit in range(10)]
images, labels = held_out.images[first], held_out.labels[first]
gradients = model.image_gradients(images, labels)

figure, axes = plt.subplots(2, 10, figsize=(12, 2.9), layout="constrained")
for digit, (above, below) in enumerate(axes.T):
    above.imshow(images[digit, 0], cmap="gray_r")
    largest = abs(gradients[digit]).max()
    below.imshow(-gradients[digit, 0], cmap="RdBu", vmin=-largest, vmax=largest)
    above.set_title(str(digit))
for ax in axes.flat:
    ax.axis("off")
