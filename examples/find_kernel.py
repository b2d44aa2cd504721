"""Find out how a camera blurs from a picture that is known, and sharpen another one with that.

A photograph x was blurred by an unknown kernel W: y = conv2d(x, W) + noise. Of the left half of x a
sharp copy is at hand; of the right half there is none. Both y = A W, with A a convolution of the
known half, and y = K x, with K a convolution with the kernel that was found, are linear, and least
squares solve them:

    1.  W = argmin ‖A W − y_left‖²                     A = FilterOperator(x_left, W.shape)
    2.  x = argmin ‖K x − y_right‖² + λ² ‖D x‖²        K = Conv2dOperator(W, x.shape)

D are the differences between neighbours: without them the noise would fill in for what the blur has
all but erased. K and λD are one convolution with three kernels. SciPy's lsqr, which knows neither
pictures nor kernels, needs nothing but A v and Aᵀ u: the forward pass, and dW or dx.

Source: Paige & Saunders, "LSQR: an algorithm for sparse linear equations and sparse least squares",
1982.
"""

import argparse
from pathlib import Path
from typing import Any

import numpy as np
from deblur import DOWN, NOISE, PHOTOGRAPH, RIGHT, motion_blur, psnr

from dxdw import conv2d

try:
    from matplotlib.figure import Figure
    from matplotlib.image import imread
    from scipy.sparse.linalg import lsqr

    from dxdw.interop.scipy import Conv2dOperator, FilterOperator
except ImportError as error:
    raise SystemExit(
        f'this needs SciPy and matplotlib: pip install "dxdw[scipy,train]" ({error})'
    ) from error

Array = Any

OPTIONS: dict[str, Any] = {"padding": "same", "padding_mode": "reflect"}
SIZE = 15  # of the kernel: more than the blur is long
LAMBDA = 0.06  # measured: 0.04 leaves more noise (-0.6 dB), 0.1 takes detail away (-0.3 dB)


def find_kernel(sharp: Array, blurred: Array) -> Array:
    """The kernel that makes one picture of the other: its colours are three pictures of a batch."""
    A = FilterOperator(sharp[:, None], (1, 1, SIZE, SIZE), **OPTIONS)
    found = lsqr(A, blurred.ravel(), iter_lim=300)[0]
    return found.reshape(A.W_shape)


def sharpen(blurred: Array, W: Array) -> Array:
    """The picture that the kernel blurs to this one."""
    kernels = np.zeros((3, 1, SIZE, SIZE))
    kernels[0] = W[0]
    middle = slice(SIZE // 2, SIZE // 2 + 2)
    kernels[1, 0, middle, middle], kernels[2, 0, middle, middle] = RIGHT[0], DOWN[0]
    kernels[1:] *= LAMBDA
    images = blurred[:, None]
    K = Conv2dOperator(kernels, images.shape, **OPTIONS)
    goal = np.zeros(K.out_shape)
    goal[:, :1] = images
    return lsqr(K, goal.ravel(), iter_lim=200)[0].reshape(blurred.shape)


def draw(pictures: dict[str, Array], kernels: dict[str, Array], out: Path) -> None:
    """Save the pictures side by side, and the kernels beside them."""
    figure = Figure(figsize=(13, 3.4), layout="constrained")
    columns = len(pictures) + len(kernels)
    for i, (title, picture) in enumerate(pictures.items(), 1):
        axes = figure.add_subplot(1, columns, i, title=title)
        axes.imshow(picture.clip(0, 1).transpose(1, 2, 0))
        axes.axis("off")
    top = max(kernel.max() for kernel in kernels.values())
    for i, (title, kernel) in enumerate(kernels.items(), 1 + len(pictures)):
        axes = figure.add_subplot(1, columns, i, title=title)
        axes.imshow(kernel, cmap="magma", vmin=0, vmax=top)
        axes.axis("off")
    figure.savefig(out)


def main() -> None:
    """Blur the photograph, find the kernel in one half, sharpen the other, and save all."""
    parser = argparse.ArgumentParser(description="Find an unknown kernel, and deblur with it.")
    parser.add_argument("--out", type=Path, default=Path("find_kernel.png"), metavar="FILE.png")
    options = parser.parse_args()
    if options.out.suffix.lower() != ".png" or not options.out.absolute().parent.is_dir():
        parser.error(f"--out is {options.out}; expected a .png file in a folder that exists")

    photograph = imread(PHOTOGRAPH).transpose(2, 0, 1).astype(np.float64)
    left, right = np.split(photograph, 2, axis=2)
    unknown = motion_blur(SIZE).W[:1]
    rng = np.random.default_rng(0)

    def camera(x: Array) -> Array:
        blurred = conv2d(x[:, None], unknown, **OPTIONS)[:, 0]
        return blurred + rng.normal(0, NOISE, x.shape)

    W = find_kernel(left, camera(left))
    off = float(np.linalg.norm(W - unknown) / np.linalg.norm(unknown))
    blurred = camera(right)
    sharp = sharpen(blurred, W)
    before, after = (f"{psnr(picture, right):.1f} dB" for picture in (blurred, sharp))
    draw(
        {
            "known": left,
            "original": right,
            f"blurred: {before}": blurred,
            f"sharpened: {after}": sharp,
        },
        {"its kernel": unknown[0, 0], f"found: {off:.0%} off": W[0, 0]},
        options.out,
    )
    print(f"kernel found, {off:.1%} off; blurred {before}, sharpened {after}; saved {options.out}")


if __name__ == "__main__":
    main()
