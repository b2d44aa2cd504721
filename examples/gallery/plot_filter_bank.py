"""
What a filter bank sees
=======================

Six kernels at once are six output channels. Which pixels does one of them look at? ``dx`` says it:
the gradient of one output is a copy of the kernel at its place.
"""

from pathlib import Path

import matplotlib.pyplot as plt
import numpy as np

from dxdw import conv2d, conv2d_backward

image = plt.imread(Path("..", "chelsea.png"))[40:200, 40:200].mean(-1)[None]

row, column = np.mgrid[-7:8, -7:8]
bank = []
for angle in np.arange(6) * np.pi / 6:
    along = column * np.cos(angle) + row * np.sin(angle)
    wave = np.cos(along) * np.exp(-(row**2 + column**2) / 18)  # Gabor's
    bank.append(wave - wave.mean())
W = np.array(bank, np.float32)[:, None]

out = conv2d(image, W, padding="same", padding_mode="reflect")

# %%
# The strongest answer of each kernel, alone in ``grad_out``.

grad_out = np.zeros_like(out)
strongest = abs(out).reshape(6, -1).argmax(1)
grad_out.reshape(6, -1)[np.arange(6), strongest] = 1
dx = conv2d_backward(grad_out, image, W, padding="same", padding_mode="reflect", needs=("dx",)).dx

figure, axes = plt.subplots(2, 4, figsize=(10, 5.2), layout="constrained")
axes[0, 0].imshow(image[0], cmap="gray")
axes[0, 0].set_title("x")
axes[1, 0].imshow(dx[0], cmap="RdBu", vmin=-1, vmax=1)
axes[1, 0].set_title("dx of six outputs")
for ax, o in zip(axes[:, 1:].flat, range(6), strict=True):
    ax.imshow(out[o], cmap="RdBu", vmin=-abs(out).max(), vmax=abs(out).max())
    inset = ax.inset_axes((0.02, 0.7, 0.28, 0.28))
    inset.imshow(W[o, 0], cmap="RdBu")
    inset.set(xticks=[], yticks=[])
    ax.set_title(f"out[{o}], {o * 30}°")
for ax in axes.flat:
    ax.axis("off")
