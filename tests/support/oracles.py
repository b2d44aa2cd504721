"""What the tests compare with: convolutions written from the definition, sharing no code with dxdw.

An oracle pads with np.pad, takes for each tap the positions it meets, and sums with einsum, in the
dtype it is given. Beside it stand the geometries that tests draw from, and the one table of how far
a result may be from the exact one.
"""

from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np
from hypothesis import strategies as st

Array = Any
Pairs = tuple[tuple[int, int], ...]

NP_PAD: dict[str, Any] = {
    "zeros": "constant",
    "reflect": "reflect",
    "replicate": "edge",
    "circular": "wrap",
}
MODES = tuple(NP_PAD)


class Case(NamedTuple):
    """One convolution, for arrays with a batch axis; channels are counted for each group."""

    sizes: tuple[int, ...]
    taps: tuple[int, ...]
    stride: tuple[int, ...]
    dilation: tuple[int, ...]
    padding: Pairs
    mode: str = "zeros"
    batch: int = 1
    groups: int = 1
    channels: tuple[int, int] = (1, 1)  # in and out

    @property
    def ndim(self) -> int:
        return len(self.sizes)

    @property
    def x_shape(self) -> tuple[int, ...]:
        return (self.batch, self.channels[0] * self.groups, *self.sizes)

    @property
    def W_shape(self) -> tuple[int, ...]:
        return (self.channels[1] * self.groups, self.channels[0], *self.taps)

    @property
    def outs(self) -> tuple[int, ...]:
        """Counted, not calculated: the places a kernel can start at without leaving padded x."""
        counts = []
        for d, (before, after) in enumerate(self.padding):
            padded = before + self.sizes[d] + after
            reach = (self.taps[d] - 1) * self.dilation[d]
            starts = range(0, padded, self.stride[d])
            counts.append(sum(start + reach < padded for start in starts))
        return tuple(counts)

    @property
    def out_shape(self) -> tuple[int, ...]:
        return (self.batch, self.channels[1] * self.groups, *self.outs)

    @property
    def options(self) -> dict[str, Any]:
        """The keyword arguments of dxdw's functions."""
        return {
            "padding": self.padding,
            "stride": self.stride,
            "dilation": self.dilation,
            "groups": self.groups,
            "padding_mode": self.mode,
        }

    def shape(self, operand: str) -> tuple[int, ...]:
        return {"x": self.x_shape, "W": self.W_shape, "grad_out": self.out_shape}[operand]

    @property
    def copies(self) -> int:
        """In how many places of padded x an element of x stands, at the most."""
        if self.mode == "zeros":
            return 1
        return int(np.prod([1 + before + after for before, after in self.padding]))

    def terms(self, kind: str) -> int:
        """K: the most products that one element of a result sums."""
        taps = int(np.prod(self.taps))
        return {
            "forward": taps * self.channels[0],
            "dx": taps * self.channels[1] * self.copies,
            "dW": self.batch * int(np.prod(self.outs)),
        }[kind]


OPERANDS = {"forward": ("x", "W"), "dx": ("grad_out", "W"), "dW": ("grad_out", "x")}


def simple(
    x_shape: Sequence[int], W_shape: Sequence[int], *, pad: int = 0, stride: int = 1, **other: Any
) -> Case:
    """A case of shapes with a batch axis, and the same numbers along every axis."""
    n = len(x_shape) - 2
    groups = other.get("groups", 1)
    each = {"dilation": (1,) * n, "channels": (W_shape[1], W_shape[0] // groups)} | other
    return Case(
        tuple(x_shape[2:]),
        tuple(W_shape[2:]),
        (stride,) * n,
        padding=((pad, pad),) * n,
        batch=x_shape[0],
        **each,
    )


# --- the definition -------------------------------------------------------------------------------


def forward(x: Array, W: Array, case: Case) -> Array:
    x, W = _by_group(pad(x, case), 1, case), _by_group(W, 0, case)
    out: Array = 0
    for tap, window in _windows(case):
        out = out + np.einsum("ngc...,goc->ngo...", x[(..., *window)], W[(..., *tap)])
    return out.reshape(case.out_shape)


def dx(grad_out: Array, W: Array, case: Case) -> Array:
    W = _by_group(W.conj(), 0, case)
    grad_out = _by_group(grad_out, 1, case)
    padded = [b + s + a for s, (b, a) in zip(case.sizes, case.padding, strict=True)]
    shape = (case.batch, case.groups, case.channels[0], *padded)
    result: Array = np.zeros(shape, np.result_type(grad_out, W))
    for tap, window in _windows(case):
        result[(..., *window)] += np.einsum("ngo...,goc->ngc...", grad_out, W[(..., *tap)])
    return unpad(result.reshape(*case.x_shape[:2], *padded), case)


def dW(grad_out: Array, x: Array, case: Case) -> Array:
    x, grad_out = _by_group(pad(x.conj(), case), 1, case), _by_group(grad_out, 1, case)
    x, grad_out = np.moveaxis(x, 0, 2), np.moveaxis(grad_out, 0, 2)  # groups, channels, batch, …
    shape = (case.groups, case.channels[1], case.channels[0], *case.taps)
    result: Array = np.zeros(shape, np.result_type(grad_out, x))
    flat = grad_out.reshape(*grad_out.shape[:2], int(np.prod(grad_out.shape[2:])))
    for tap, window in _windows(case):
        seen = x[(..., *window)].reshape(*x.shape[:2], flat.shape[2])
        result[(..., *tap)] = np.einsum("gos,gcs->goc", flat, seen)
    return result.reshape(case.W_shape)


def db(grad_out: Array) -> Array:
    return grad_out.sum((0, *range(2, grad_out.ndim)))


def run(kind: str, first: Array, second: Array, case: Case) -> Array:
    return {"forward": forward, "dx": dx, "dW": dW}[kind](first, second, case)


def conv_transpose(
    x: Array,
    W: Array,
    *,
    stride: Sequence[int],
    dilation: Sequence[int],
    padding: Pairs,
    output_padding: Sequence[int],
    groups: int,
) -> Array:
    """Every pixel writes its multiple of the kernel; padding crops what was written."""
    batch, C_in, *sizes = x.shape
    C_out = W.shape[1] * groups
    whole, crop = [], []
    for d, size in enumerate(sizes):
        before, after = padding[d]
        end = (size - 1) * stride[d] + (W.shape[2 + d] - 1) * dilation[d] + 1 + output_padding[d]
        whole.append(end)
        crop.append(slice(before, end - after))
    out: Array = np.zeros((batch, groups, C_out // groups, *whole), np.result_type(x, W))
    x = x.reshape(batch, groups, C_in // groups, *sizes)
    W = W.reshape(groups, C_in // groups, *W.shape[1:])
    for pixel in np.ndindex(*sizes):
        value = x[(..., *pixel)]
        for tap in np.ndindex(*W.shape[3:]):
            at = tuple(
                i * s + u * d for i, s, u, d in zip(pixel, stride, tap, dilation, strict=True)
            )
            out[(..., *at)] += np.einsum("ngc,gco->ngo", value, W[(..., *tap)])
    return out.reshape(batch, C_out, *whole)[(..., *crop)]


def pad(x: Array, case: Case) -> Array:
    return np.pad(x, ((0, 0), (0, 0), *case.padding), NP_PAD[case.mode])


def unpad(dx_padded: Array, case: Case) -> Array:
    """The adjoint of pad, through the place that np.pad copies each position from."""
    for d, (size, pair) in enumerate(zip(case.sizes, case.padding, strict=True), start=2):
        if case.mode == "zeros":
            source = np.arange(-pair[0], size + pair[1])
            keep = (source >= 0) & (source < size)
        else:
            source = np.pad(np.arange(size), pair, NP_PAD[case.mode])
            keep = np.ones(source.shape, bool)
        dx_padded = np.moveaxis(dx_padded, d, 0)
        result: Array = np.zeros((size, *dx_padded.shape[1:]), dx_padded.dtype)
        np.add.at(result, source[keep], dx_padded[keep])
        dx_padded = np.moveaxis(result, 0, d)
    return dx_padded


def _by_group(a: Array, axis: int, case: Case) -> Array:
    shape = (*a.shape[:axis], case.groups, a.shape[axis] // case.groups, *a.shape[axis + 1 :])
    return a.reshape(shape)


def _windows(case: Case) -> list[tuple[tuple[int, ...], tuple[slice, ...]]]:
    """For each tap, the positions of padded x that it meets, one for each output."""
    return [
        (
            tap,
            tuple(
                slice(u * d, u * d + (n - 1) * s + 1, s)
                for u, d, s, n in zip(tap, case.dilation, case.stride, case.outs, strict=True)
            ),
        )
        for tap in np.ndindex(*case.taps)
    ]


# --- data -----------------------------------------------------------------------------------------


def integers(rng: np.random.Generator, shape: Sequence[int], dtype: Any = np.float64) -> Array:
    """Small whole numbers: their sums of products are exact in every dtype down to float32."""
    if np.dtype(dtype).kind == "c":
        return (integers(rng, shape) + 1j * integers(rng, shape)).astype(dtype)
    return rng.integers(-4, 5, shape).astype(dtype)


def reals(rng: np.random.Generator, shape: Sequence[int], dtype: Any = np.float64) -> Array:
    if np.dtype(dtype).kind == "c":
        return (reals(rng, shape) + 1j * reals(rng, shape)).astype(dtype)
    return rng.standard_normal(shape).astype(dtype)


def operands(
    case: Case, seed: int, *, dtype: Any = np.float64, draw: Any = integers
) -> dict[str, Array]:
    rng = np.random.default_rng(seed)
    return {name: draw(rng, case.shape(name), dtype) for name in ("x", "W", "grad_out")}


# --- how far a result may be from the exact one ---------------------------------------------------

# Unit roundoff, and the dtype that sums are taken in.
UNIT_ROUNDOFF = {
    "float16": 2.0**-11,
    "bfloat16": 2.0**-8,
    "float32": 2.0**-24,
    "complex64": 2.0**-24,
    "float64": 2.0**-53,
    "complex128": 2.0**-53,
}
SUMMED_IN = {"float16": "float32", "bfloat16": "float32"}


def gamma(K: int, u: float) -> float:
    return K * u / (1 - K * u)


def direct_bound(expected: Array, majorant: Array, K: int, dtype: Any) -> Array:
    """γ_K·M for each element, whatever the order of the sum; then the rounding to a narrower dtype.

    M is the same operation on absolute values. A complex product rounds 2^1.5 times as much.
    """
    name = np.dtype(dtype).name
    summed = SUMMED_IN.get(name, name)
    scale = 2**1.5 if summed.startswith("complex") else 1.0
    limit = scale * gamma(K, UNIT_ROUNDOFF[summed]) * majorant
    if summed != name:
        limit = limit + UNIT_ROUNDOFF[name] * (np.abs(expected) + limit)
    # The oracle's own sum: extended precision where the platform has it, else as rounded as ours.
    return limit + scale * gamma(K, float(np.finfo(np.longdouble).eps)) * majorant


def fft_bound(first: Array, second: Array, points: int, dtype: Any) -> float:
    """Relative to norms, not to the element: a transform spreads its rounding over a tile."""
    u = UNIT_ROUNDOFF[np.dtype(dtype).name]
    norms = np.linalg.norm(first.ravel()) * np.linalg.norm(second.ravel())
    return float(8 * u * max(1.0, np.log2(points)) * norms)


def extended(a: Array) -> Array:
    return a.astype(np.clongdouble if a.dtype.kind == "c" else np.longdouble)


def exact(kind: str, first: Array, second: Array, case: Case) -> tuple[Array, Array]:
    """The result in extended precision, and M."""
    expected = run(kind, extended(first), extended(second), case)
    majorant = run(kind, np.abs(extended(first)), np.abs(extended(second)), case)
    return expected, majorant


def assert_within_direct_bound(
    actual: Array, kind: str, first: Array, second: Array, case: Case
) -> None:
    expected, majorant = exact(kind, first, second, case)
    limit = direct_bound(expected, majorant, case.terms(kind), actual.dtype)
    excess = np.abs(extended(actual) - expected) - limit
    assert actual.shape == expected.shape
    assert not (excess > 0).any(), f"{kind} of {case} exceeds its bound by {excess.max()}"


# --- geometries -----------------------------------------------------------------------------------


@st.composite
def cases(
    draw: st.DrawFn,
    ndim: int | None = None,
    modes: Sequence[str] = MODES,
    largest: int = 6,
    dense: bool = False,
) -> Case:
    """Geometries that are valid, the narrowest ones as likely as any; dense is stride 1 alone."""
    ndim = draw(st.integers(1, 3)) if ndim is None else ndim
    mode = draw(st.sampled_from(modes))
    axes = [draw(_axes(mode, largest if ndim < 3 else 4, dense)) for _ in range(ndim)]
    sizes, taps, stride, dilation, padding = zip(*axes, strict=True)
    return Case(
        sizes,
        taps,
        stride,
        dilation,
        padding,
        mode,
        batch=draw(st.integers(1, 3)),
        groups=draw(st.sampled_from((1, 1, 2, 3))),
        channels=draw(st.sampled_from(((1, 1), (2, 3), (3, 2), (7, 1), (1, 7)))),
    )


@st.composite
def _axes(
    draw: st.DrawFn, mode: str, largest: int, dense: bool
) -> tuple[int, int, int, int, tuple[int, int]]:
    taps, dilation = draw(st.integers(1, 4)), draw(st.integers(1, 3))
    stride = 1 if dense else draw(st.integers(1, 4))
    extent = (taps - 1) * dilation + 1
    size = draw(st.integers(1, largest))
    most = {"reflect": size - 1, "circular": size}.get(mode, taps + 2)
    before, after = draw(st.integers(0, most)), draw(st.integers(0, most))
    if before + size + after < extent:  # make it fit, closely
        size = max(size, extent - before - after)
    return size, taps, stride, dilation, (before, after)


seeds = st.integers(0, 2**32 - 1)
