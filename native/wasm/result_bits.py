"""Prints digests of what the kernels compute, a line for each problem, dtype and pass.

Vectors of 128 bits, sixteen registers and no fused multiply-add are what the base kernels have on
x86-64 and in WebAssembly. So the same program gives the same bits in CPython, with DXDW_ISA=base,
and in Pyodide; what the package's tests show of the ones holds for the others.
"""

from hashlib import sha256

import oracles
from calls import KINDS, convolve
from test_native_kernels import PROBLEMS, UNIT_ROUNDOFF, WINOGRADS

from dxdw import explain


def fractions(rng, shape, dtype):
    """Of 2^-20: what NumPy's normal numbers are made with is another library's on each side."""
    return (rng.integers(-(1 << 20), (1 << 20) + 1, shape) / (1 << 20)).astype(dtype)


def main() -> None:
    for name, case in (PROBLEMS | WINOGRADS).items():
        for dtype in UNIT_ROUNDOFF:
            a = oracles.operands(case, 5, dtype=dtype, draw=fractions)
            for kind in KINDS:
                said = explain(kind, case.x_shape, case.W_shape, **case.options, dtype=dtype)
                accept = [v.engine for v in said.verdicts if not v.declined]
                for engine in ("winograd", "depthwise", "direct"):
                    if engine in accept:
                        bits = convolve(kind, a, case, engine=engine).tobytes()
                        print(name, dtype, kind, engine, sha256(bits).hexdigest(), flush=True)


if __name__ == "__main__":
    main()
