"""dxdw.interop.torch: convolutions of PyTorch's tensors, and every derivative PyTorch asks for."""

import re
from itertools import pairwise

import numpy as np
import oracles
import pytest
from calls import refused
from oracles import Case, simple

pytestmark = [
    pytest.mark.peers("torch"),
    # PyTorch's own, about itself.
    pytest.mark.filterwarnings("ignore:.*torch.jit.*deprecated"),
    pytest.mark.filterwarnings("ignore:Using padding='same' with even kernel:UserWarning"),
]

CASES = {
    "plain": simple((2, 3, 7, 6), (4, 3, 3, 2), pad=1),
    "winograd": simple((2, 16, 12, 13), (16, 16, 3, 3), pad=1),
    "strided": simple((2, 3, 11, 9), (4, 3, 3, 3), pad=2, stride=2),
    "dilated": simple((1, 2, 12, 9), (3, 2, 3, 2), pad=2, dilation=(2, 3)),
    "grouped": simple((2, 4, 6, 5), (6, 2, 3, 3), pad=1, groups=2),
    "depthwise": simple((2, 8, 6, 5), (8, 1, 3, 3), pad=1, groups=8),
    "one axis": simple((2, 3, 12), (4, 3, 3), pad=1, stride=2),
    "three axes": simple((1, 2, 5, 4, 6), (3, 2, 2, 3, 2), pad=1),
    "empty": simple((0, 2, 5, 5), (3, 2, 3, 3)),
}


def ours(ndim):
    from dxdw.interop import torch as bridge

    return getattr(bridge, f"conv{ndim}d"), getattr(bridge, f"conv_transpose{ndim}d")


def options(case):
    padding = tuple(before for before, _ in case.padding)
    return case.stride, padding, case.dilation, case.groups


def tensors(case, dtype="float64", seed=0):
    import torch

    a = oracles.operands(case, seed, dtype=dtype)
    bias = np.arange(1.0, 1 + case.W_shape[0]).astype(dtype)
    return [torch.from_numpy(v) for v in (a["x"], a["W"], bias, a["grad_out"])]


def assert_same(mine, expected, name):
    """Exact, but by Winograd's transforms, whose error is relative to a tile."""
    assert mine.shape == expected.shape
    assert mine.dtype == expected.dtype
    off = np.abs(mine - expected).max(initial=0)
    bound = 100 * np.finfo(mine.dtype).eps * np.abs(expected).max(initial=0)
    assert off <= (bound if name == "winograd" else 0)


def leaf(shape, seed=0):
    import torch

    generator = torch.Generator().manual_seed(seed)
    return torch.randn(shape, generator=generator, dtype=torch.float64).requires_grad_()


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("name", CASES)
def test_forward_and_gradients_are_exact_on_integers(name, dtype):
    import torch

    case = CASES[name]
    x, W, bias, grad_out = tensors(case, dtype)
    leaves = [a.requires_grad_() for a in (x, W, bias)]
    out = ours(case.ndim)[0](*leaves, *options(case))
    gradients = torch.autograd.grad(out, leaves, grad_out)
    a = [t.detach().numpy() for t in (x, W, grad_out)]
    column = bias.detach().numpy().reshape(-1, *[1] * case.ndim)
    expected = [
        oracles.forward(a[0], a[1], case) + column,
        oracles.dx(a[2], a[1], case),
        oracles.dW(a[2], a[0], case),
        oracles.db(a[2]),
    ]
    for result, wanted in zip((out, *gradients), expected, strict=True):
        assert result.is_contiguous()
        assert_same(result.detach().numpy(), wanted, name)


@pytest.mark.parametrize("name", [n for n in CASES if n != "empty"])
def test_transposed_and_its_gradients_are_exact_on_integers(name):
    import torch
    from torch.nn import functional

    case = CASES[name]
    _, W, _, x = tensors(case)  # grad_out is the input, for it is the adjoint
    stride, padding, dilation, groups = options(case)
    bias = torch.arange(1.0, 1 + case.x_shape[1], dtype=torch.float64)
    leaves = [a.requires_grad_() for a in (x, W, bias)]
    more = (stride, padding, tuple(s - 1 for s in stride), groups, dilation)
    theirs = getattr(functional, f"conv_transpose{case.ndim}d")(*leaves, *more)
    out = ours(case.ndim)[1](*leaves, *more)
    grad_out = torch.ones_like(out).cumsum(-1)
    mine = out, *torch.autograd.grad(out, leaves, grad_out)
    expected = theirs, *torch.autograd.grad(theirs, leaves, grad_out)
    for result, wanted in zip(mine, expected, strict=True):
        assert_same(result.detach().numpy(), wanted.detach().numpy(), name)


def test_tensors_are_read_and_written_where_they_lie(monkeypatch):
    from dxdw.interop.torch import conv2d, kernels

    seen = []
    original = kernels._byte
    monkeypatch.setattr(kernels, "_byte", lambda a: (seen.append(a), original(a))[1])
    x, W, _, _ = tensors(CASES["plain"])
    out = conv2d(x, W, padding=1)
    assert seen == [x.data_ptr(), W.data_ptr(), out.data_ptr()]


@pytest.mark.parametrize("layout", ["channels_last", "strided", "expanded", "negative"])
def test_layouts_that_are_not_contiguous(layout):
    import torch
    from torch.nn import functional

    from dxdw.interop.torch import conv2d

    x, W, _, _ = tensors(CASES["plain"])
    if layout == "channels_last":
        x, W = (a.contiguous(memory_format=torch.channels_last) for a in (x, W))
    elif layout == "strided":
        x, W = (a.repeat_interleave(2, -1)[..., ::2] for a in (x, W))
    elif layout == "expanded":
        x, W = x[:1].expand(2, -1, -1, -1), W[:, :1].expand(-1, 3, -1, -1)
    else:
        x = torch._neg_view(x)
    assert torch.equal(conv2d(x, W, padding=1), functional.conv2d(x, W, padding=1))


@pytest.mark.parametrize("padding", ["same", "valid", 1, (2, 1), [1, 2]])
def test_padding_as_pytorch_takes_it(padding):
    import torch
    from torch.nn import functional

    from dxdw.interop.torch import conv2d

    x, W, bias, _ = tensors(simple((2, 3, 9, 8), (4, 3, 5, 3)))
    theirs = functional.conv2d(x, W, bias, padding=padding)
    assert torch.equal(conv2d(x, W, bias, padding=padding), theirs)
    assert torch.equal(conv2d(x[0], W, bias, padding=padding), theirs[0])


def test_values_that_winograd_declines():
    import torch
    from torch.nn import functional

    from dxdw.interop.torch import conv2d

    x, W, _, _ = tensors(CASES["winograd"], "float32")
    x[0, 0, 3, 3] = float("inf")
    theirs = functional.conv2d(x.double(), W.double(), padding=1).float()
    out = conv2d(x, W, padding=1)
    assert not theirs.isfinite().all()
    torch.testing.assert_close(out, theirs, rtol=0, atol=1e-3, equal_nan=True)


def test_inference_mode_and_no_grad():
    import torch
    from torch.nn import functional

    from dxdw.interop.torch import conv2d

    x, W, bias, _ = tensors(CASES["plain"])
    W.requires_grad_()
    for mode in (torch.inference_mode, torch.no_grad):
        with mode():
            out = conv2d(x, W, bias, padding=1)
            assert torch.equal(out, functional.conv2d(x, W, bias, padding=1))
        assert not out.requires_grad


def test_the_number_of_threads_is_pytorchs_and_makes_no_difference():
    import torch

    from dxdw.interop.torch import conv2d, kernels

    x, W, _, _ = tensors(simple((4, 32, 30, 30), (32, 32, 3, 3), pad=1), "float32")
    before = torch.get_num_threads()
    results = []
    kernels._runner.cache_clear()
    try:
        for threads in (1, 2, 3):
            torch.set_num_threads(threads)
            results.append(conv2d(x, W, padding=1))
        assert kernels._runner.cache_info().currsize == 3
    finally:
        torch.set_num_threads(before)
    assert all(torch.equal(a, b) for a, b in pairwise(results))


# --- derivatives by PyTorch's own checkers --------------------------------------------------------

GEOMETRIES = {
    "conv1d": (1, (2, 2, 7), (4, 1, 3), (2, 1, 2, 2)),
    "conv2d": (2, (2, 2, 5, 4), (3, 2, 3, 2), (1, 1, 1, 1)),
    "conv2d strided": (2, (1, 2, 6, 5), (2, 1, 3, 2), ((2, 3), (1, 2), (1, 2), 2)),
    "conv3d": (3, (1, 1, 3, 4, 3), (2, 1, 2, 2, 2), (1, 1, 1, 1)),
}


@pytest.mark.parametrize("name", GEOMETRIES)
def test_gradcheck_and_gradgradcheck(name):
    from torch.autograd import gradcheck, gradgradcheck

    ndim, x_shape, W_shape, more = GEOMETRIES[name]
    inputs = leaf(x_shape), leaf(W_shape, 1), leaf(W_shape[:1], 2)

    def function(x, W, bias):
        return ours(ndim)[0](x, W, bias, *more)

    assert gradcheck(function, inputs, check_forward_ad=True)
    assert gradgradcheck(function, inputs, check_fwd_over_rev=True)


@pytest.mark.parametrize("ndim", [1, 2, 3])
def test_gradcheck_and_gradgradcheck_transposed(ndim):
    from torch.autograd import gradcheck, gradgradcheck

    x, W = leaf((1, 4, *(3, 2, 2)[:ndim])), leaf((4, 1, *(3, 2, 2)[:ndim]), 1)

    def function(x, W, bias):
        return ours(ndim)[1](x, W, bias, 2, 1, 1, 2)

    assert gradcheck(function, (x, W, leaf((2,), 2)), check_forward_ad=True)
    assert gradgradcheck(function, (x, W, leaf((2,), 2)))


def test_third_derivative():
    import torch

    from dxdw.interop.torch import conv2d

    def third(convolve):
        x, W = leaf((1, 2, 5, 5)), leaf((2, 2, 3, 3), 1)
        value = convolve(x, W, padding=1).tanh().pow(2).sum()
        for _ in range(3):
            dx, dW = torch.autograd.grad(value, (x, W), create_graph=True)
            value = dx.pow(2).sum() + (dW**3).sum()
        return value

    torch.testing.assert_close(third(conv2d), third(torch.nn.functional.conv2d))


# --- transforms, compiler, tracers ----------------------------------------------------------------


@pytest.mark.parametrize("groups", [1, 2])
@pytest.mark.parametrize("mapped", [(0, None, None), (None, 0, None), (2, 1, 0)])
def test_vmap_of_forward_and_of_gradients(mapped, groups):
    import torch
    from torch.func import grad, vmap
    from torch.nn import functional

    from dxdw.interop.torch import conv2d

    shapes = (2, 4, 6, 5), (6, 4 // groups, 3, 2), (6,)
    operands = []
    for i, (shape, axis) in enumerate(zip(shapes, mapped, strict=True)):
        a = leaf(shape if axis is None else (3, *shape), i).detach()
        operands.append(a if axis is None else a.movedim(0, axis))

    def both(convolve):
        def loss(x, W, bias):
            return convolve(x, W, bias, 1, 1, 1, groups).tanh().sum()

        out = vmap(lambda *a: convolve(*a, 1, 1, 1, groups), mapped)(*operands)
        return out, *vmap(grad(loss, (0, 1, 2)), mapped)(*operands)

    for mine, theirs in zip(both(conv2d), both(functional.conv2d), strict=True):
        torch.testing.assert_close(mine, theirs)


def test_jacobians_and_forward_mode_of_torch_func():
    import torch
    from torch.func import hessian, jacfwd, jacrev
    from torch.nn import functional

    from dxdw.interop.torch import conv2d

    x, W = leaf((1, 1, 4, 4)).detach(), leaf((2, 1, 2, 2), 1).detach()

    def of(convolve):
        def loss(W):
            return convolve(x, W, None, 2, 1).tanh().sum()

        convolved = (lambda W: convolve(x, W),) * 2
        return jacrev(convolved[0])(W), jacfwd(convolved[1])(W), hessian(loss)(W)

    for mine, theirs in zip(of(conv2d), of(functional.conv2d), strict=True):
        torch.testing.assert_close(mine, theirs)


@pytest.mark.parametrize("dynamic", [False, True])
def test_compiled_in_one_graph(dynamic):
    import torch
    from torch.nn import functional

    from dxdw.interop.torch import conv2d, conv_transpose2d

    def network(convolve, transpose, x, W, bias, V):
        return transpose(convolve(x, W, bias, 2, 1).relu(), V, None, 2, 1, 1).sum()

    compiled = torch.compile(network, backend="aot_eager", fullgraph=True, dynamic=dynamic)
    for size in (7, 9):
        operands = [
            leaf(s, i) for i, s in enumerate([(2, 3, size, 8), (4, 3, 3, 3), (4,), (4, 2, 3, 3)])
        ]
        mine = compiled(conv2d, conv_transpose2d, *operands)
        theirs = network(functional.conv2d, functional.conv_transpose2d, *operands)
        torch.testing.assert_close(mine, theirs)
        torch.testing.assert_close(
            torch.autograd.grad(mine, operands), torch.autograd.grad(theirs, operands)
        )


def test_gradients_that_are_batched_by_pytorchs_older_vmap():
    import torch

    from dxdw.interop.torch import conv2d

    x, W = leaf((1, 2, 4, 4)), leaf((2, 2, 3, 3), 1)
    out = conv2d(x, W)
    grads = torch.stack([torch.ones_like(out), 2 * torch.ones_like(out)])
    dx, dW = torch.autograd.grad(out, (x, W), grads, is_grads_batched=True, retain_graph=True)
    single = torch.autograd.grad(out, (x, W), torch.ones_like(out))
    for batched, one in zip((dx, dW), single, strict=True):
        torch.testing.assert_close(batched, torch.stack([one, 2 * one]))


# --- what is handed to PyTorch, and errors --------------------------------------------------------


def test_other_dtypes_and_devices_are_pytorchs(monkeypatch):
    import torch

    from dxdw.interop.torch import conv2d, functional

    monkeypatch.setattr(functional, "differentiable", None)  # calling it would fail
    x, W = torch.ones((1, 1, 3, 3)), torch.ones((1, 1, 2, 2))
    for dtype in (torch.complex64, torch.complex128):
        assert conv2d(x.to(dtype), W.to(dtype)).dtype == dtype
    assert conv2d(x.to("meta"), W.to("meta")).device.type == "meta"
    with torch.autocast("cpu", torch.bfloat16), pytest.raises(RuntimeError):
        conv2d(x.double(), W.double().to(torch.complex128))
    with pytest.raises(RuntimeError, match="Double"):
        conv2d(x, W.double())


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"stride": 0}, "stride is 0: it must be at least 1"),
        ({"stride": [0, 1]}, "stride is 0: it must be at least 1"),
        ({"padding": -1}, "padding is -1: it must be at least 0"),
        ({"groups": 2}, "groups is 2: it must divide C_in = 3"),
        ({"padding": "full around"}, "padding is 'full around': …"),
    ],
)
def test_errors_name_the_argument(change, message):
    from dxdw.interop.torch import conv2d

    x, W, _, _ = tensors(CASES["plain"])
    for _ in range(2):  # whatever is remembered of the first
        page = refused(ValueError, message, conv2d, x, W, **change)
        assert page == "docs/howto/pytorch.md"


@pytest.mark.parametrize(
    ("change", "start"),
    [
        ({"padding": None}, "padding is None, a NoneType: it must be an integer"),
        ({"padding": np.ones(2)}, "padding is an array of shape (2,): it must be an integer"),
        ({"stride": "same"}, "stride is 'same': it must be an integer"),
    ],
)
def test_errors_tell_pytorchs_order_of_arguments(change, start):
    from dxdw.interop.torch import conv2d, conv_transpose2d

    x, W, _, _ = tensors(CASES["plain"])
    message = f"{start}; the order is x, W, bias, stride, padding"
    for call, kernel in ((conv2d, W), (conv_transpose2d, W.transpose(0, 1))):
        assert refused(TypeError, message, call, x, kernel, **change) == "docs/howto/pytorch.md"


def test_too_little_memory_for_a_result_is_told_as_by_pytorch():
    import torch

    from dxdw.interop.torch import conv2d

    # (More than a processor has addresses for: less may be promised, and taken only when written.)
    with pytest.raises(RuntimeError, match="1600000320000016 bytes"):
        conv2d(torch.ones(1, 1, 3, 3), torch.ones(1, 1, 2, 2), padding=10**7)


NO_INTEGERS = [1.0, True, (1.0, 1), (1, True), [1, 1.0]]


@pytest.mark.parametrize("wrong", NO_INTEGERS, ids=str)
@pytest.mark.parametrize("option", ["stride", "padding", "dilation", "groups", "output_padding"])
def test_options_that_equal_integers_are_refused_whatever_was_called_before(option, wrong):
    import torch

    from dxdw.interop.torch import conv2d, conv_transpose2d

    x, W = torch.ones((1, 1, 6, 6)), torch.ones((1, 1, 3, 3))
    for call in (conv2d, conv_transpose2d):
        if option == "output_padding" and call is conv2d:
            continue
        stride = {"stride": 2} if option == "output_padding" else {}
        call(x, W, **stride)
        for right in (1, (1, 1)):
            if option != "groups" or right == 1:
                call(x, W, **stride | {option: right})
        refused(TypeError, f"{option} is …", call, x, W, **stride | {option: wrong})


def test_options_that_no_dictionary_takes():
    import torch

    from dxdw.interop.torch import conv2d

    x, W, _, _ = tensors(CASES["plain"])
    wanted = conv2d(x, W, padding=((1, 0), (2, 1)), stride=(2, 1))
    given = {"padding": [[1, 0], [2, 1]], "stride": np.array([2, 1])}
    for _ in range(2):
        assert torch.equal(conv2d(x, W, **given), wanted)
    assert torch.equal(conv2d(x, W, stride=np.int64(2)), conv2d(x, W, stride=2))


MISFITS = {
    "stride is 2: with padding 'same'": lambda d, x, W, b: d.conv2d(x, W, b, 2, "same"),
    "stride is (1, 2): with padding 'SAME'": lambda d, x, W, b: d.conv2d(x, W, b, (1, 2), "SAME"),
    "stride is 0: it must be at least 1": lambda d, x, W, b: d.conv2d(x, W, b, 0),
    "padding is -1: it must be at least 0": lambda d, x, W, b: d.conv2d(x, W, b, 1, -1),
    "groups is 3: it must divide C_in = 4": lambda d, x, W, b: d.conv2d(x, W, b, groups=3),
    "W has shape (4, 3, ": lambda d, x, W, b: d.conv2d(x, W[:, :3], b),
    "W is larger than x along H": lambda d, x, W, b: d.conv2d(x[:, :, :2, :2], W, b),
    "bias has shape (3,): it must be": lambda d, x, W, b: d.conv2d(x, W, b[:3]),
    "output_padding is 5 along H": lambda d, x, W, b: d.conv_transpose2d(x, W, b, 1, 0, 5),
    "output_padding is 3 along H": lambda d, x, W, b: d.conv_transpose2d(x, W, b, 2, 0, 3),
    "W has shape (3, ": lambda d, x, W, b: d.conv_transpose2d(x, W[:3], b),
}


@pytest.mark.parametrize("dynamic", [False, True])
@pytest.mark.parametrize("message", MISFITS)
def test_compiled_calls_are_refused_as_eager_ones_are(message, dynamic):
    import torch

    from dxdw.interop import torch as bridge

    def call(x, W, b):
        return MISFITS[message](bridge, x, W, b)

    operands = torch.ones((2, 4, 8, 8)), torch.ones((4, 4, 3, 3)), torch.ones(4)
    refused(ValueError, f"{message}…", call, *operands)
    torch.compiler.reset()  # what was refused before is not looked into again
    whole = torch.compile(call, backend="aot_eager", dynamic=dynamic, fullgraph=True)
    with pytest.raises(RuntimeError, match=re.escape(message)):  # PyTorch's, of whole graphs
        whole(*operands)
    torch.compiler.reset()
    parts = torch.compile(call, backend="aot_eager", dynamic=dynamic)
    page = refused(ValueError, f"{message}…", parts, *operands)
    assert page == "docs/howto/pytorch.md"
    torch.compiler.reset()


def test_sizes_that_are_symbols_are_compiled_once():
    import torch

    from dxdw.interop.torch import conv2d, conv_transpose2d

    graphs = []

    def network(x, W, V):
        return conv_transpose2d(conv2d(x, W, padding="same"), V, stride=2, output_padding=1)

    def backend(graph, _):
        graphs.append(graph)
        return graph.forward

    compiled = torch.compile(network, backend=backend, fullgraph=True, dynamic=True)
    W, V = leaf((4, 3, 3, 3)), leaf((4, 2, 3, 3), 1)
    for sizes in ((5, 10, 9), (6, 12, 7), (7, 11, 13)):  # equal ones would be one symbol
        x = leaf((sizes[0], 3, *sizes[1:]))
        torch.testing.assert_close(compiled(x, W, V), network(x, W, V))
    assert len(graphs) == 1


@pytest.mark.parametrize("names", [("x", "input"), ("W", "weight")])
def test_an_operand_under_both_of_its_names_is_refused(names):
    from dxdw.interop.torch import conv2d, conv_transpose2d

    x, W, _, _ = tensors(CASES["plain"])
    message = "{} and {} are both given, which are two names of one argument: give {} or {}"
    for call in (conv2d, conv_transpose2d):
        given = {"x": x, "W": W} | {names[1]: x}
        page = refused(TypeError, message.format(*names, *names), call, **given)
        assert page == "docs/howto/pytorch.md"
    with pytest.raises(TypeError, match="multiple values for argument 'W'"):
        conv2d(x, W, weight=W)


@pytest.mark.parametrize("name", ["x", "W", "bias"])
def test_what_is_no_tensor_is_refused_by_name(name):
    from dxdw.interop.torch import conv2d, conv_transpose2d

    x, W, bias, _ = tensors(CASES["plain"])
    others = {"a numpy.ndarray": np.ones(4), "a list": [1.0], "a int": 1}
    for call in (conv2d, conv_transpose2d):
        for kind, wrong in others.items():
            given = {"x": x, "W": W, "bias": bias} | {name: wrong}
            message = f"{name} is {kind}: it must be a torch.Tensor, as in torch.as_tensor({name})…"
            assert refused(TypeError, message, call, **given) == "docs/howto/pytorch.md"


@pytest.mark.filterwarnings("ignore:The PyTorch API of nested tensors is in prototype:UserWarning")
def test_nested_and_sparse_operands_are_left_to_pytorch_to_refuse():
    import torch

    from dxdw.interop.torch import conv2d, conv_transpose2d

    x, W, _, _ = (a.float() for a in tensors(CASES["plain"]))
    x, W = x[:, :2], W[:2, :2]
    nested = torch.nested.nested_tensor([x[0], x[0, :, :4]], layout=torch.strided)
    for call in (conv2d, conv_transpose2d):
        with pytest.raises(NotImplementedError, match=r"aten::convolution"):
            call(nested, W)
        with pytest.raises(RuntimeError, match=r"bias type \(torch.sparse.FloatTensor\)"):
            call(x, W, torch.ones(2).to_sparse())


def test_a_sparse_grad_out_is_refused_by_name():
    import torch

    from dxdw.interop.torch import conv2d, conv_transpose2d

    x, W, _, _ = tensors(CASES["plain"])
    x, W = x[:, :2], W[:2, :2].requires_grad_()
    for call in (conv2d, conv_transpose2d):
        out = call(x, W)
        with pytest.raises(RuntimeError, match=r"grad_out has layout torch.sparse_coo: .*to_dense"):
            out.backward(torch.ones_like(out).to_sparse())


def test_of_operands_that_differ_a_note_says_what_each_is():
    import torch

    from dxdw.interop.torch import conv2d, conv_transpose2d

    x, W = torch.ones((1, 1, 3, 3)), torch.ones((1, 1, 2, 2))
    for call in (conv2d, conv_transpose2d):
        with pytest.raises(RuntimeError) as caught:
            call(x.double(), W)
        told, page = caught.value.__notes__
        assert told.startswith("x is torch.float64 on cpu, W is torch.float32 on cpu: they must be")
        assert page.split()[3] == "docs/howto/pytorch.md"
    with pytest.raises(RuntimeError) as caught:  # of something else: PyTorch's own words alone
        conv2d(x.to(torch.complex64), W.to(torch.complex64), groups=2)
    assert not hasattr(caught.value, "__notes__")


def test_what_is_handed_on_is_still_one_graph():
    import torch

    from dxdw.interop.torch import conv2d

    x, W = torch.ones((1, 1, 3, 3)).bfloat16(), torch.ones((1, 1, 2, 2)).bfloat16()
    compiled = torch.compile(lambda: conv2d(x, W), backend="aot_eager", fullgraph=True)
    assert torch.equal(compiled(), torch.nn.functional.conv2d(x, W))


def test_a_bias_of_a_wrong_shape():
    import torch

    from dxdw.interop.torch import conv2d, conv_transpose2d

    x, W, _, _ = tensors(CASES["plain"])
    bias, x4 = torch.ones(3).double(), torch.ones((1, 4, 5, 5)).double()
    page = refused(ValueError, "bias has shape (3,): it must be (4,), …", conv2d, x, W, bias)
    assert page == "docs/howto/pytorch.md"
    bias = torch.ones(4).double()
    page = refused(
        ValueError, "bias has shape (4,): it must be (3,), …", conv_transpose2d, x4, W, bias
    )
    assert page == "docs/howto/pytorch.md"


def test_one_image_without_a_batch_axis_is_not_a_case_of_its_own():
    from dxdw.interop.torch import conv1d

    case = Case((7,), (3,), (1,), (1,), ((1, 1),), channels=(2, 3))
    x, W, bias, _ = tensors(case)
    assert conv1d(x[0], W, bias, padding=1).shape == (3, 7)


def test_examples_of_the_docstrings():
    import doctest

    from dxdw.interop.torch import functional, modules

    for module in (functional, modules):
        failed, attempted = doctest.testmod(module)
        assert attempted
        assert not failed
