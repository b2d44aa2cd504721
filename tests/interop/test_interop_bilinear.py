"""What all bridges share: the derivatives of the three passes, and stacks of passes as one."""

import subprocess
import sys
from itertools import product

import numpy as np
import oracles
import pytest

from dxdw.call import geometries
from dxdw.call.options import Options
from dxdw.interop import numpy_passes
from dxdw.interop.bilinear import PULLBACKS, ROLES, Case, stacked

SHAPES = {
    "one axis": (1, (2, 4, 7), (6, 2, 3), {"stride": 2, "padding": 1, "groups": 2}),
    "two axes": (2, (2, 3, 6, 5), (4, 3, 3, 2), {"padding": ((1, 0), (0, 2))}),
    "depthwise": (2, (2, 4, 6, 5), (8, 1, 3, 2), {"groups": 4, "padding": 1}),
    "three axes": (3, (1, 2, 4, 3, 5), (2, 2, 2, 2, 3), {"dilation": (1, 1, 2)}),
    "padded by reflection": (
        2,
        (1, 2, 5, 6),
        (2, 2, 3, 3),
        {"padding": 1, "padding_mode": "reflect"},
    ),
}


def case_of(name):
    ndim, x_shape, W_shape, given = SHAPES[name]
    return Case(geometries.convolution(ndim, x_shape, W_shape, Options(**given))[0], ndim)


def draw(role, case, seed, stack=()):
    kind = {"out": "forward", "x": "dx", "W": "dW"}[role]
    return oracles.integers(np.random.default_rng(seed), (*stack, *case.shape(kind)))


@pytest.mark.parametrize("kind", PULLBACKS)
@pytest.mark.parametrize("name", SHAPES)
def test_pullbacks_are_the_adjoints(name, kind):
    """⟨g, pass(first, second)⟩ = ⟨pullback, operand⟩ for each operand, exactly on integers."""
    case = case_of(name)
    first, second, g = (draw(role, case, i) for i, role in enumerate(ROLES[kind]))
    value = np.vdot(g, numpy_passes.run(kind, first, second, case))
    operands = (g, first, second)
    for operand, (pullback, (a, b)) in zip((first, second), PULLBACKS[kind], strict=True):
        pulled = numpy_passes.run(pullback, operands[a], operands[b], case)
        assert pulled.shape == operand.shape
        assert np.vdot(pulled, operand) == value


@pytest.mark.parametrize("which", ["first", "second", "both"])
@pytest.mark.parametrize("kind", PULLBACKS)
@pytest.mark.parametrize("name", SHAPES)
def test_a_stack_of_passes_is_one_pass(name, kind, which):
    case = case_of(name)
    one, two, _ = ROLES[kind]
    first = draw(one, case, 0, (3,) if which != "second" else ())
    second = draw(two, case, 1, (3,) if which != "first" else ())
    stack = stacked(kind, case, first, second, which, np)
    results = stack.unstack(numpy_passes.run(kind, stack.first, stack.second, stack.case), np)
    for i in range(3):
        pair = first if which == "second" else first[i], second if which == "first" else second[i]
        assert np.array_equal(results[i], numpy_passes.run(kind, *pair, case))


@pytest.mark.parametrize("dtype", ["complex128", "complex64"])
def test_passes_of_complex_arrays_have_no_conjugates(dtype):
    case = case_of("two axes")
    for kind, factor in product(PULLBACKS, (1j, 2 - 1j)):
        first, second, _ = (draw(role, case, i) for i, role in enumerate(ROLES[kind]))
        real = numpy_passes.run(kind, first, second, case)
        result = numpy_passes.run(kind, first.astype(dtype), (factor * second).astype(dtype), case)
        assert result.dtype == dtype
        assert np.array_equal(result, (factor * real).astype(dtype))


@pytest.mark.parametrize(
    ("bridge", "library"),
    [("torch", "torch"), ("jax", "jax"), ("autograd", "autograd"), ("scipy", "scipy")],
)
def test_a_library_that_is_not_there_is_told_with_its_extra(bridge, library):
    program = f"""if True:
        import sys
        sys.modules[{library!r}] = None  # as if it could not be found
        import dxdw.interop.{bridge}
    """
    done = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=False
    )
    assert done.returncode
    assert f'pip install "dxdw[{bridge}]"' in done.stderr
