"""The mistakes by name: what each is, the line of mathematics it breaks, and a hint."""

from typing import NamedTuple


class Cause(NamedTuple):
    """What a report says of a mistake."""

    title: str
    mathematics: str
    hint: str


_DX = "dx[c,h,w] = Σ_{o,u,v} G[o,h−u,w−v] · W[o,c,u,v]"
_DW = "dW[o,c,u,v] = Σ_{i,j} G[o,i,j] · x[c,i+u,j+v]"
_BOTH = f"{_DX},  {_DW}"

CAUSES = {
    "dx-overwritten": Cause(
        "dx is assigned where it should be added to",
        f"{_DX}: a sum over all outputs that saw the pixel, not the last of them",
        "A pixel lies in several windows. What becomes of the first's share when the next comes?",
    ),
    "dw-overwritten": Cause(
        "dW is assigned where it should be added to",
        f"{_DW}: a sum over all positions (i,j), not the last of them",
        "The kernel is used at every position. Which of them does your dW remember at the end?",
    ),
    "dx-kernel-flipped": Cause(
        "the kernel is flipped in dx",
        f"{_DX}: output (i,j) hands W[o,c,u,v] to pixel (i+u,j+v), as the forward had it",
        "With a single 1 in G, dx holds one copy of the kernel. Which way round should it lie?",
    ),
    "dw-reversed": Cause(
        "dW is reversed",
        f"{_DW}: dW[0,0] belongs to the window's upper left pixel",
        "With a single 1 in G, dW is the patch it saw. Which of its corners belongs in dW[0,0]?",
    ),
    "kernel-transposed": Cause(
        "the kernel's rows and columns are exchanged",
        f"{_DX}: u goes with the rows, v with the columns",
        "Which axis of W runs along the rows of the image?",
    ),
    "grad-transposed": Cause(
        "the rows and columns of grad_out are exchanged",
        f"{_BOTH}: G is read at [o,i,j], i the row",
        "Which output is in row i and column j: G[o,i,j] or G[o,j,i]?",
    ),
    "patch-transposed": Cause(
        "the rows and columns of the patch are exchanged in dW",
        f"{_DW}: u steps down the rows of x, v along its columns",
        "dW[o,c,0,1] belongs to the window's second column. Which pixel of x does it meet?",
    ),
    "grad-channel-fixed": Cause(
        "the channel of grad_out is not followed",
        f"{_BOTH}: output channel o has its own G[o]",
        "Which channel of grad_out tells how the loss depends on output channel o?",
    ),
    "kernel-channel-fixed": Cause(
        "one kernel stands for all in dx",
        f"{_DX}: output channel o was made by W[o]",
        "Which kernel made output channel o?",
    ),
    "input-channels-lost": Cause(
        "the input channels are not kept apart",
        f"{_BOTH}: every c has its own x[c] and W[o,c]",
        "Are the results of channel 1 what they would be if channel 0 were not there?",
    ),
    "grad-position-ignored": Cause(
        "where in grad_out a value stands is ignored",
        f"{_BOTH}: each position (i,j) has its own G[o,i,j], which meets its own window",
        "Move a single 1 in G one step to the right. What should move with it?",
    ),
    "nonlinear-in-grad": Cause(
        "the result is not linear in grad_out",
        "f(2·G) = 2·f(G) and f(−G) = −f(G): each of G's values is a factor, to the first power",
        "What should become of dx and dW when every value of grad_out changes its sign?",
    ),
    "last-position-skipped": Cause(
        "positions of grad_out are skipped",
        f"{_BOTH}: over all i of 0…outH−1 and all j of 0…outW−1",
        "How many rows and columns has grad_out, and which is the last that your loops visit?",
    ),
    "shifted": Cause(
        "the result is shifted",
        f"{_BOTH}: output (i,j) saw the pixels from (i,j) to (i+kH−1,j+kW−1)",
        "Which is the first pixel that output (0,0) saw?",
    ),
    "scaled": Cause(
        "the result is scaled by a constant",
        f"{_BOTH}: plain sums; no mean is taken",
        "Is the loss a mean anywhere that this function knows of? Where does the factor come from?",
    ),
    "tuple-swapped": Cause(
        "the results are returned in the wrong order",
        "conv2d_backward(grad_out, x, W) → (dx, dW)",
        "Which of the two has the shape of x, and which is to come first?",
    ),
    "integer-truncated": Cause(
        "a buffer of integers cuts off fractions",
        "dx and dW are real numbers, whatever x and W are",
        "What dtype has zeros_like(x) when x holds integers?",
    ),
    "input-mutated": Cause(
        "an argument is changed in place",
        "a function of (grad_out, x, W): they are the caller's, and still needed",
        "Which line writes into an array that was passed in, perhaps through a view of it?",
    ),
    "state-kept": Cause(
        "something outlives the call",
        "the same arguments give the same results, in arrays of their own",
        "Where are the arrays of the result made: in every call, or once?",
    ),
    "square-assumed": Cause(
        "something is taken to be square",
        "kH and kW, outH and outW, H and W are six numbers",
        "Which of the sizes do you read from one axis and use for another?",
    ),
    "wrong-broadcast": Cause(
        "arrays are broadcast into the wrong shape",
        "dx has the shape of x, dW that of W; dW[o] gets the contributions of o alone",
        "What are the shapes on both sides of the line that adds up, axis for axis?",
    ),
    "batch-sum-missing": Cause(
        "dW is not summed over the batch",
        "dW[o,c,u,v] = Σ_{n,i,j} G[n,o,i,j] · x[n,c,i+u,j+v]",
        "Every image of the batch used the same kernel. What does the second add to its dW?",
    ),
    "geometry-mixed": Cause(
        "stride, padding or dilation is misplaced",
        "output (i,j) meets x[c, i·s+u·d−p, j·s+v·d−p]: the stride with i, the dilation with u",
        "At which row of x does output i begin, and which row does the kernel's row u then meet?",
    ),
    "precision-lost": Cause(
        "float32 is used inside",
        "float64 arguments have results that are right to 16 digits, not to 7",
        "Which array is made, or converted, with a dtype of its own?",
    ),
    # Found by making more of them.
    "grad-flipped": Cause(
        "grad_out is read backwards",
        f"{_BOTH}: correlations with G as it stands; convolve() turns one of its arguments",
        "Does the function that you call flip one of its arguments?",
    ),
    "kernel-taps-skipped": Cause(
        "part of the kernel is skipped",
        f"{_BOTH}: for all u of 0…kH−1 and all v of 0…kW−1",
        "How many rows and columns has the kernel, and which do your loops visit?",
    ),
    "output-channels-lost": Cause(
        "output channels are skipped",
        f"{_BOTH}: for all o of 0…C_out−1",
        "How many kernels are there, and which of them do your loops visit?",
    ),
}  # fmt: skip
