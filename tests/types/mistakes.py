"""Calls that are wrong, each where `# wrong` stands: a checker of types has to find them all.

Nothing here runs: `tests/package/test_types.py` has mypy and pyright read it.
"""

import numpy as np

import dxdw
from dxdw import conv2d, conv2d_backward, layers
from dxdw.diagnosis import check_names, diagnose

x = np.ones((1, 8, 8), np.float32)
W = np.ones((4, 1, 3, 3), np.float32)
grad_out = np.ones((4, 6, 6), np.float32)
flags = np.ones((1, 8, 8), np.bool_)

conv2d(x, W, padding="sme")  # wrong
conv2d(x, W, padding=1.0)  # wrong
conv2d(x, W, 1, 2, 1)  # wrong
conv2d(x, W, strides=2)  # wrong
conv2d(x, W, padding_mode="mirror")  # wrong
conv2d(x, W, precision="exact")  # wrong
conv2d("image.png", W)  # wrong
conv2d(flags, W)  # wrong
conv2d(x)  # wrong
print(conv2d(x, W).shap)  # wrong

conv2d_backward(grad_out, x, W, needs=("dw",))  # wrong
conv2d_backward(grad_out, x, W, needs="dW")  # wrong
dx, dW, db = conv2d_backward(grad_out, x, W)  # wrong
print(conv2d_backward(grad_out, x, W).db)  # wrong
print(conv2d_backward(grad_out, x, W, needs=("dW", "db")).dx)  # wrong
conv2d_backward(x, W)  # wrong
conv2d_backward(grad_out, x, W, accumulate="yes")  # wrong
conv2d_backward(grad_out, x, W, bias=None)  # wrong

dxdw.conv1d(x, W, threads="2")  # wrong
dxdw.conv1d_backward(grad_out, x, W, groups=(1,))  # wrong
dxdw.conv1d_double_backward(None, None, grad_out, x, W, needs=("dgradout",))  # wrong
dxdw.conv1d_jvp(x, W, x)  # wrong
dxdw.conv1d_per_sample_dW(grad_out, x, W, needs=("dW",))  # wrong
dxdw.conv2d_double_backward(None, None, grad_out, x, W, out=None)  # wrong
dxdw.conv2d_jvp(x, W, x, W, bias=None)  # wrong
dxdw.conv2d_per_sample_dW(grad_out, x, None)  # wrong
dxdw.conv3d(x, W, dilation=1.5)  # wrong
dxdw.conv3d_backward(grad_out, x, W, max_workspace=1e6)  # wrong
dxdw.conv3d_double_backward(x, W)  # wrong
dxdw.conv3d_jvp(x, W, x, W, precision="low")  # wrong
dxdw.conv3d_per_sample_dW(grad_out, x, W, accumulate=True)  # wrong
dxdw.conv_transpose1d(x, W, padding_mode="reflect")  # wrong
dxdw.conv_transpose1d_backward(grad_out, x, W, needs=("db", "dy"))  # wrong
dxdw.conv_transpose2d(x, W, output_pading=1)  # wrong
dxdw.conv_transpose2d_backward(grad_out, x, W)[2]  # wrong
dxdw.conv_transpose3d(x, W, stride="2")  # wrong
dxdw.conv_transpose3d_backward(grad_out, x, W, engine=1)  # wrong
dxdw.conv2d_naive(x, W, 1)  # wrong
dxdw.conv2d_backward_naive(grad_out, x, W).db  # wrong
dxdw.max_pool_2d(x, 2, "2")  # wrong
dxdw.conv2d(x, W, workers=2)  # wrong
dxdw.mini_cnn_forward(x, W)  # wrong
dxdw.relu("x")  # wrong
dxdw.softmax(x, axis=0.5)  # wrong
dxdw.show_config("json")  # wrong
dxdw.explain("dw", x.shape, W.shape)  # wrong
dxdw.explain("dW", x.shape, W.shape).engin  # wrong
dxdw.gradcheck(conv2d, conv2d_backward, (x, W), mode="fast")  # wrong
dxdw.gradcheck(conv2d, conv2d_backward, (x, W)).worst.indx  # wrong
dxdw.dot_test(conv2d, conv2d_backward, (1, 8, 8), trials="3")  # wrong

layers.linear_backward(x, x, W).dW.shap  # wrong
layers.relu_backward(x)  # wrong
layers.max_pool_2d_backward(grad_out, x, 2, 2.0)  # wrong
layers.linear(x)  # wrong
layers.softmax_cross_entropy(x, "labels")  # wrong

diagnose(conv2d_backward, problem="conv2d_bakward")  # wrong
diagnose(conv2d_backward).cause  # wrong
check_names(problem="conv")  # wrong
