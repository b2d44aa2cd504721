"""
Take the blur out of a photograph
=================================

A blur is a convolution, and its adjoint is ``dx``: gradient descent on ½‖Kx − y‖² needs no more.
The border is mirrored, and ``dx`` is the adjoint of just that.
"""

from pathlib import Path

import matplotlib.pyplot as plt
import numpy as np

from dxdw import conv2d, conv2d_backward

photograph = plt.imread(Path("..", "chelsea.png")).astype(np.float64)
picture = photograph[60:188, 50:178].transpose(2, 0, 1)[:, None]  # each colour an image of a batch

line = np.eye(9)[None, None] / 9  # a camera that moved along the diagonal


def blur(x):
    return conv2d(x, line, padding="same", padding_mode="reflect")


def adjoint(y, x):
    return conv2d_backward(y, x, line, padding="same", padding_mode="reflect", needs=("dx",)).dx


noise = np.random.default_rng(0).normal(0, 1 / 255, picture.shape)
blurred = blur(picture) + noise

# %%
# Accelerated descent: each step starts from where the last two point to. The blur's norm is 1, and
# so is the step.

x = before = blurred
for k in range(60):
    ahead = x + (k - 1) / (k + 2) * (x - before)
    before, x = x, ahead - adjoint(blur(ahead) - blurred, x)

figure, axes = plt.subplots(1, 3, figsize=(9, 3.2), layout="constrained")
for ax, title, image in zip(
    axes, ("original", "blurred", "sharpened"), (picture, blurred, x), strict=True
):
    mean = abs(image - picture).mean() * 255
    ax.imshow(image[:, 0].transpose(1, 2, 0).clip(0, 1))
    ax.set_title(f"{title}, {mean:.1f} grey levels off" if image is not picture else title)
    ax.axis("off")
