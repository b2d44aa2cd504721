"""
Find an unknown kernel
======================

From a picture and what a camera made of it, least squares find the kernel in between. A convolution
is linear in its kernel too, and the adjoint of that is ``dW``.
"""

from pathlib import Path

import matplotlib.pyplot as plt
import numpy as np
from scipy.sparse.linalg import lsqr

from dxdw import conv2d
from dxdw.interop.scipy import FilterOperator

sharp = plt.imread(Path("..", "chelsea.png"))[80:208, 60:188].mean(-1)[None].astype(np.float64)

angle = np.linspace(0, 1.5 * np.pi, 200)  # a hand that trembled
unknown = np.histogram2d(7 + 4 * np.sin(angle), 7 + 5 * np.cos(angle), 15, [(0, 15), (0, 15)])[0]
unknown /= unknown.sum()
camera = conv2d(sharp, unknown[None, None], padding="same", padding_mode="reflect")
camera += np.random.default_rng(0).normal(0, 1 / 255, camera.shape)

# %%
# SciPy's solver asks for ``A @ v`` and ``A.T @ u`` and knows nothing of pictures.

A = FilterOperator(sharp, (1, 1, 15, 15), padding="same", padding_mode="reflect")
found = lsqr(A, camera.ravel(), iter_lim=150)[0].reshape(15, 15)

figure, axes = plt.subplots(1, 4, figsize=(11, 3), layout="constrained")
axes[0].imshow(sharp[0], cmap="gray")
axes[1].imshow(camera[0], cmap="gray")
axes[2].imshow(unknown, cmap="magma")
axes[3].imshow(found, cmap="magma", vmin=0, vmax=unknown.max())
off = np.linalg.norm(found - unknown) / np.linalg.norm(unknown)
titles = ("the picture", "what the camera made", "its kernel", f"found, {off:.0%} off")
for ax, title in zip(axes, titles, strict=True):
    ax.set_title(title)
    ax.axis("off")
