"""Mistakes as edits of one right source, so that two of them can be made at once."""

import linecache
from itertools import combinations

import numpy as np

SOURCE = """\
def conv2d_backward(grad_out, x, W, kept={{}}):
    dx = {dx_buffer}
    dW = {dW_buffer}
    {sizes}
    for o in range(W.shape[0]):
        for i in range({rows}):
            for j in range({columns}):
                g = {g}
                {dW_target} {dW_op} g * x[{channels}, i : i + kH, j : j + kW]{patch}
                dx[:, i : i + kH, j : j + kW] {dx_op} g * W[{kernel}]{turned}
    {last}
    return {results}
"""

RIGHT = {
    "dx_buffer": "np.zeros(x.shape)", "dW_buffer": "np.zeros(W.shape)",
    "sizes": "kH, kW = W.shape[2:]", "rows": "x.shape[1] - kH + 1",
    "columns": "x.shape[2] - kW + 1", "g": "grad_out[{channel}, {place}]",
    "dW_target": "dW[o]", "dW_op": "+=", "channels": ":", "patch": "", "dx_op": "+=", "kernel": "o",
    "turned": "", "last": "pass", "results": "dx, dW", "channel": "o", "place": "i, j",
}  # fmt: skip

EDITS = {
    "dx-overwritten": {"dx_op": "="},
    "dw-overwritten": {"dW_op": "="},
    "dx-kernel-flipped": {"turned": "[:, ::-1, ::-1]"},
    "dw-reversed": {"patch": "[:, ::-1, ::-1]"},
    "kernel-transposed": {"turned": ".swapaxes(1, 2)"},
    "grad-transposed": {"place": "j, i"},
    "patch-transposed": {"patch": ".swapaxes(1, 2)"},
    "grad-channel-fixed": {"channel": "0"},
    "kernel-channel-fixed": {"kernel": "0"},
    "input-channels-lost": {"channels": "0:1"},
    "grad-position-ignored": {"place": ":, :", "g": "grad_out[{channel}, {place}].sum()"},
    "nonlinear-in-grad": {"g": "abs(grad_out[{channel}, {place}])"},
    "last-position-skipped": {"rows": "x.shape[1] - kH"},
    "shifted": {"last": "dx = np.roll(dx, 1, axis=2)"},
    "scaled": {"last": "dW = dW / grad_out[0].size"},
    "tuple-swapped": {"results": "dW, dx"},
    "integer-truncated": {"dx_buffer": "np.zeros_like(x)", "dW_buffer": "np.zeros_like(W)"},
    "input-mutated": {"last": "grad_out *= 0"},
    "state-kept": {"last": "dW = kept[W.shape, x.shape] = kept.get((W.shape, x.shape), 0) + dW"},
    "square-assumed": {"sizes": "kH = kW = W.shape[2]"},
    "wrong-broadcast": {"dW_target": "dW"},
    "precision-lost": {
        "dx_buffer": "np.zeros(x.shape, 'f')", "dW_buffer": "np.zeros(W.shape, 'f')",
    },
}  # fmt: skip

# Pairs of which one leaves nothing to be seen of the other, or whose edits are of the same place.
HIDDEN = {
    (
        "dx-kernel-flipped",
        "kernel-transposed",
    ): "the two turns are one, a transpose of another kind",
    ("grad-transposed", "grad-position-ignored"): "a sum is the same in any order",
    (
        "grad-position-ignored",
        "scaled",
    ): "a sum divided by its length is a mean, a face of the first",
    ("grad-position-ignored", "wrong-broadcast"): "the sum of all of G, a face of the first",
    ("kernel-transposed", "square-assumed"): "a transposed kernel has to be square in any case",
    ("grad-channel-fixed", "wrong-broadcast"): "C_out times G[0] in dW, a constant factor",
    ("kernel-transposed", "patch-transposed"): "the kernel's axes are exchanged in both results",
    ("patch-transposed", "square-assumed"): "so has a transposed patch",
}


def compiled(source, name="mistake"):
    """The function of a source, whose lines tracebacks can show."""
    file = f"<{name}>"
    linecache.cache[file] = (len(source), None, source.splitlines(keepends=True), file)
    names = {"np": np}
    exec(compile(source, file, "exec"), names)  # noqa: S102 - a source of our own
    return names["conv2d_backward"]


def source_with(*mistakes):
    slots = dict(RIGHT)
    for mistake in mistakes:
        for slot, text in EDITS[mistake].items():
            if slot in ("patch", "turned"):
                slots[slot] += text
            elif slot == "last" and slots[slot] != "pass":
                slots[slot] += "; " + text
            else:
                slots[slot] = text
    slots["g"] = slots["g"].format(channel=slots["channel"], place=slots["place"])
    return SOURCE.format(**slots)


def with_mistakes(*mistakes):
    return compiled(source_with(*mistakes), "+".join(mistakes))


def pairs():
    """Two of them, where the edits leave room for each other and both can be seen."""
    for one, two in combinations(EDITS, 2):
        shared = (set(EDITS[one]) & set(EDITS[two])) - {"patch", "turned", "last"}
        if not shared and (one, two) not in HIDDEN:
            yield one, two
