"""
An image larger than memory
===========================

Dask computes chunk by chunk, and the borders that windows reach into are cut out of the neighbours.
Nothing is computed before it is asked for, and never more than a few chunks are in memory.
"""

import dask
import dask.array as da
import matplotlib.pyplot as plt
import numpy as np

from dxdw.interop.dask import conv2d, conv2d_backward

side = 4096  # of a picture that is made as it is read; 40,000 work the same
row, column = (da.arange(side, chunks=512, dtype="float32") for _ in range(2))
rings = da.sin((row[:, None] ** 2 + column[None] ** 2) / 400000)[None]

edges = np.array([[[[1, 0, -1], [2, 0, -2], [1, 0, -1]]]], np.float32)
out = conv2d(rings, edges, padding="same", padding_mode="reflect")
print(f"{out.nbytes / 1e6:.0f} MB in {out.npartitions} chunks, nothing computed yet")

# %%
# The gradient of ½‖out‖²: ``dx`` in chunks, of which a part is looked at, and ``dW``, summed
# over all of them in an order that the chunks alone decide.

dx, dW = conv2d_backward(out, rings, edges, padding="same", padding_mode="reflect")
part, thumbnail, dW = dask.compute(dx[0, 1500:1800, 1500:1800], out[0, ::16, ::16], dW)
print(dW[0, 0].round())

figure, axes = plt.subplots(1, 2, figsize=(8, 3.8), layout="constrained")
axes[0].imshow(thumbnail, cmap="gray")
axes[0].set_title("out, every 16th pixel")
lines = np.arange(0, side // 16, 512 // 16)
axes[0].vlines(lines, 0, side // 16 - 1, color="tab:orange", lw=0.5)
axes[0].hlines(lines, 0, side // 16 - 1, color="tab:orange", lw=0.5)
axes[1].imshow(part, cmap="RdBu")
axes[1].set_title("dx, 300×300 pixels of it")
for ax in axes:
    ax.axis("off")
