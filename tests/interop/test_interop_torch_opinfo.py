"""dxdw.interop.torch under PyTorch's own tests of its convolutions: OpInfo's samples, each check.

What PyTorch tries `torch.nn.functional.conv2d` and its kin with, and how: derivatives of every
order and mode against differences, batched both ways, subclasses of Tensor in all places.
"""

import warnings
from functools import lru_cache

import pytest

pytestmark = [
    pytest.mark.peers("torch"),
    pytest.mark.usefixtures("one_thread"),
    # PyTorch's own, about itself.
    pytest.mark.filterwarnings("ignore:.*torch.jit.*deprecated"),
    pytest.mark.filterwarnings("ignore:Using padding='same' with even kernel:UserWarning"),
]

NAMES = [f"conv{kind}{n}d" for kind in ("", "_transpose") for n in (1, 2, 3)]


@lru_cache
def info(name):
    pytest.importorskip("expecttest", reason="PyTorch's tests import it")
    from torch.testing._internal.common_methods_invocations import op_db

    (found,) = [op for op in op_db if op.name == f"nn.functional.{name}"]
    return found


def ours(name):
    from dxdw.interop import torch as bridge

    return getattr(bridge, name)


def samples(name, dtype="float64", *, requires_grad=True):
    """Operands and options of each sample."""
    import torch

    dtype = getattr(torch, dtype)
    found = list(info(name).sample_inputs("cpu", dtype, requires_grad=requires_grad))
    assert len(found) >= 4
    return [((sample.input, *sample.args), sample.kwargs) for sample in found]


def checked(name, *, empty=False, **how):
    """The function of dxdw on each sample: as a function of its tensors, and these."""
    for operands, options in samples(name, **how):
        tensors = [a for a in operands if a is not None]
        if empty or all(a.numel() for a in tensors):
            rest = operands[len(tensors) :]
            yield lambda *a, rest=rest, options=options: ours(name)(*a, *rest, **options), tensors


def same(mine, theirs, **how):
    """Up to rounding: float32 keeps seven digits of sums of numbers up to 9, in any order."""
    import torch

    narrow = {torch.float32: 1e-4, torch.bfloat16: 1e-1, torch.complex64: 1e-4}
    near = narrow.get(mine.dtype if isinstance(mine, torch.Tensor) else mine[0].dtype, 1e-9)
    torch.testing.assert_close(mine, theirs, rtol=near, atol=10 * near, **how)


def outcome(function, operands, options):
    """The output, and the gradients of the operands that want one."""
    import torch

    out = function(*operands, **options)
    leaves = [a for a in operands if isinstance(a, torch.Tensor) and a.requires_grad]
    return out, *torch.autograd.grad(out, leaves, torch.cos(torch.ones_like(out).cumsum(0)))


def in_float32(function):
    """The function on the values of bfloat16, its results rounded once.

    PyTorch's own sums are of bfloat16 where the processor has no AVX512-BF16, and lose up to four
    times as much.
    """

    def run(*operands, **options):
        wide = (a.float() if hasattr(a, "float") else a for a in operands)
        return function(*wide, **options).bfloat16()

    return run


@pytest.mark.parametrize("dtype", ["float32", "float64", "complex64", "bfloat16"])
@pytest.mark.parametrize("name", NAMES)
def test_samples(name, dtype):
    theirs = in_float32(info(name).op) if dtype == "bfloat16" else info(name).op
    for operands, options in samples(name, dtype):
        same(*(outcome(f, operands, options) for f in (ours(name), theirs)))


@pytest.mark.parametrize("name", NAMES)
def test_integers_are_pytorchs(name):
    import torch

    for operands, options in samples(name, "int64", requires_grad=False):
        found = [outcome_of_integers(f, operands, options) for f in (ours(name), info(name).op)]
        assert type(found[0]) is type(found[1])
        if isinstance(found[0], torch.Tensor):
            assert torch.equal(*found)


def outcome_of_integers(function, operands, options):
    """The output, or the error where PyTorch has no such kernel."""
    try:
        return function(*operands, **options)
    except RuntimeError as error:
        return error


@pytest.mark.parametrize("layout", ["not contiguous", "negative"])
@pytest.mark.parametrize("name", NAMES)
def test_samples_in_other_layouts(name, layout):
    import torch
    from torch.testing._internal.common_utils import noncontiguous_like

    def laid_out(a):
        return noncontiguous_like(a) if layout == "not contiguous" else torch._neg_view(-a)

    for operands, options in samples(name):
        others = [a if a is None else laid_out(a) for a in operands]
        same(outcome(ours(name), others, options), outcome(info(name).op, operands, options))


@pytest.mark.parametrize("name", [n for n in NAMES if "transpose" not in n])
def test_errors(name):
    """What PyTorch refuses is refused: by its own error, or one of ours that says more."""
    count = 0
    for case in info(name).error_inputs("cpu"):
        sample = case.sample_input
        with pytest.raises((case.error_type, ValueError, TypeError)) as caught:
            ours(name)(sample.input, *sample.args, **sample.kwargs)
        assert len(str(caught.value)) > 20
        count += 1
    assert count >= 5


# --- derivatives by PyTorch's own checkers --------------------------------------------------------


@pytest.mark.parametrize("name", NAMES)
def test_first_derivatives(name):
    """Reverse and forward mode, both batched, of undefined gradients, and their dtypes."""
    for function, tensors in checked(name):
        from torch.autograd import gradcheck

        assert gradcheck(
            function,
            tensors,
            check_forward_ad=True,
            check_batched_grad=True,
            check_batched_forward_grad=True,
            check_grad_dtypes=True,
            check_undefined_grad=True,
            fast_mode=not name.endswith("1d"),
        )


@pytest.mark.parametrize("name", NAMES)
def test_second_derivatives(name):
    """Reverse over reverse and forward over reverse, batched."""
    from torch.autograd import gradgradcheck

    for function, tensors in checked(name):
        assert gradgradcheck(
            function,
            tensors,
            gen_non_contig_grad_outputs=True,
            check_fwd_over_rev=True,
            check_batched_grad=True,
            check_grad_dtypes=True,
            fast_mode=True,
        )


# --- subclasses of Tensor, tracers ----------------------------------------------------------------


@pytest.mark.parametrize("name", NAMES)
def test_subclasses_as_operands(name):
    from torch.testing._internal import composite_compliance

    for function, tensors in checked(name, requires_grad=False, empty=True):
        composite_compliance.check_with_mode(function, tensors, {}, same)
        composite_compliance.check_all_permutations(function, tensors, {}, same)


@pytest.mark.parametrize("name", NAMES)
def test_subclasses_as_gradients(name):
    from torch.testing._internal import composite_compliance

    for function, tensors in checked(name, empty=True):
        composite_compliance.check_backward_formula(function, tensors, {}, assert_equal_fn=same)


@pytest.mark.parametrize("name", NAMES)
def test_subclasses_as_tangents(name):
    from torch.testing._internal import composite_compliance

    for function, tensors in checked(name):
        composite_compliance.check_forward_ad_formula(function, tensors, {}, assert_equal_fn=same)


@pytest.mark.parametrize("dynamic", [False, True])
@pytest.mark.parametrize("name", NAMES)
def test_recorded_with_its_gradients(name, dynamic):
    """As the compiler does, with sizes that are symbols too."""
    from torch.testing._internal.optests import aot_autograd_check

    for function, tensors in checked(name):
        with warnings.catch_warnings():
            aot_autograd_check(function, tuple(tensors), {}, dynamic, assert_equals_fn=same)


# Of PyTorch 2.14's check, about itself.
@pytest.mark.filterwarnings("ignore:The .grad attribute of a Tensor that is not a leaf:UserWarning")
@pytest.mark.parametrize("kind", ["forward", "dx", "dW"])
def test_the_operator_keeps_pytorchs_rules(kind):
    """Schema, fake tensors, autograd and compilation: PyTorch's own check of operators."""
    import torch

    from dxdw.interop.torch import operators

    shapes = (2, 3, 7, 6), (4, 3, 3, 2), (2, 4, 4, 4)
    x, W, g = (torch.randn(s, dtype=torch.float64, requires_grad=True) for s in shapes)
    first, second, sizes = {
        "forward": (x, W, g.shape),
        "dx": (g, W, x.shape),
        "dW": (g, x, W.shape),
    }[kind]
    torch.library.opcheck(
        operators.convolution_pass,
        (kind, first, second, list(sizes), [2, 2], [1, 1], [1, 1], [1, 1], 1),
    )
