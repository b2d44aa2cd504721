"""The mistakes by name: what each is, the line of code it breaks, why, and a question.

`{what}` in a title stands for the results in which the mistake is made, and `{lines}` for the lines
by which they are computed: `told` puts them in.
"""

from collections.abc import Iterable, Sequence
from typing import NamedTuple


class Cause(NamedTuple):
    """What a report says of a mistake."""

    title: str
    mathematics: str  # lines of code, which hold for every o, i, j, c, u, v
    reason: str
    hint: str


_LINES = {
    "dx": "dx[c, i+u, j+v] += grad_out[o, i, j] * W[o, c, u, v]",
    "dW": "dW[o, c, u, v] += grad_out[o, i, j] * x[c, i+u, j+v]",
    "db": "db[o] += grad_out[o, i, j]",
}
_OF_IMAGES = {
    "dx": "dx[n, c, i+u, j+v] += grad_out[n, o, i, j] * W[o, c, u, v]",
    "dW": "dW[o, c, u, v] += grad_out[n, o, i, j] * x[n, c, i+u, j+v]",
    "db": "db[o] += grad_out[n, o, i, j]",
}
_GEOMETRY = {
    "dx": "dx[c, i*s + u*d - p, j*s + v*d - p] += grad_out[o, i, j] * W[o, c, u, v]",
    "dW": "dW[o, c, u, v] += grad_out[o, i, j] * x[c, i*s + u*d - p, j*s + v*d - p]",
    "db": "db[o] += grad_out[o, i, j]",
}
_CALL = "dx, dW = conv2d_backward(grad_out, x, W)"


def told(name: str, results: Iterable[str] = (), negated: bool = False) -> Cause:
    """A mistake made in some of "dx", "dW" and "db", in words; () where it is in no single one.

    `negated` of a factor that is −1.
    """
    chosen = in_order(results)
    cause = OTHER_SIGN if name == "scaled" and negated else CAUSES[name]
    lines = _lines_for(name)
    said = "\n".join(lines[r] for r in chosen or ("dx", "dW"))
    what = listed(chosen) if chosen else "the result"
    several = len(chosen) > 1 and cause.title.startswith("{what} is ")
    title = cause.title.replace("{what} is", "{what} are") if several else cause.title
    title = title.replace("{what}", what)
    return cause._replace(title=title, mathematics=cause.mathematics.replace("{lines}", said))


# Of what may be made along one axis, or with one index, what to say of it.
_ALONG = {
    "dx-kernel-flipped": "the kernel's {along} stand in reverse order in {what}",
    "dw-reversed": "the {along} of {what} stand in reverse order",
    "grad-flipped": "the {along} of grad_out are read in reverse order in {what}",
    "image-reversed": "the image's {along} stand in reverse order in {what}",
    "channels-reversed": "the kernel's {along} stand in reverse order in {what}",
    "index-repeated": "{along} is used for two axes in {what}",
}


def title_along(name: str, along: str, results: Iterable[str]) -> str:
    """The title of a mistake that is made along one axis, or with one index."""
    return _ALONG[name].format(along=along, what=listed(in_order(results)))


def in_order(results: Iterable[str]) -> list[str]:
    """dx, dW, db."""
    return [r for r in _LINES if r in set(results)]


def listed(names: Sequence[str]) -> str:
    """As in "dx, dW and db"."""
    return ", ".join([*names[:-2], " and ".join(names[-2:])])


def _lines_for(name: str) -> dict[str, str]:
    if name in ("batch-sum-missing", "images-mixed"):
        return _OF_IMAGES
    return _GEOMETRY if name == "geometry-mixed" else _LINES


OTHER_SIGN = Cause(
    "the sign of {what} is the other one",
    "{lines}",
    "Every term is added, none taken away: dx and dW point to where the loss grows. The minus "
    "belongs to the step that is taken against them, W -= rate * dW.",
    "Which line has a minus, or a difference the wrong way round, and is it part of the gradient?",
)
CAUSES = {
    "dx-overwritten": Cause(
        "{what} is assigned where it should be added to",
        "{lines}",
        "A pixel gets the sum of what all the windows that saw it send back, not the last of it.",
        "A pixel lies in several windows. What becomes of the first's share when the next comes?",
    ),
    "dw-overwritten": Cause(
        "{what} is assigned where it should be added to",
        "{lines}",
        "The kernel is used at every position (i, j), and each of them adds to its gradient.",
        "The kernel is used at every position. Which of them does your dW remember at the end?",
    ),
    "dx-kernel-flipped": Cause(
        "the kernel is flipped in {what}",
        "{lines}",
        "Each output sends its gradient back to the pixels it was made from, and the kernel lies "
        "over them as it lay in the forward pass.",
        "With a single 1 in grad_out, dx holds one copy of the kernel. A scatter takes W as it is, "
        "a gather takes it turned: which way round should the copy lie?",
    ),
    "dw-reversed": Cause(
        "{what} is reversed",
        "{lines}",
        "dW[o, c, 0, 0] belongs to the upper left pixel of every window.",
        "With a single 1 in grad_out, dW is the patch it saw. Which of its corners belongs in "
        "dW[0, 0]?",
    ),
    "kernel-transposed": Cause(
        "the kernel's rows and columns are exchanged in {what}",
        "{lines}",
        "u goes down the rows of the image, and v along its columns.",
        "Which axis of W runs along the rows of the image?",
    ),
    "grad-transposed": Cause(
        "the rows and columns of grad_out are exchanged in {what}",
        "{lines}",
        "i is the row of an output and j its column, in grad_out as in the image.",
        "Which output is in row i and column j: grad_out[o, i, j] or grad_out[o, j, i]?",
    ),
    "patch-transposed": Cause(
        "the rows and columns of the patch are exchanged in {what}",
        "{lines}",
        "Output (i, j) was made from the patch that begins in row i and column j, and u goes down "
        "the rows of that patch.",
        "At which row and which column does the patch of output (i, j) begin, and which axis of it "
        "goes down?",
    ),
    "grad-channel-fixed": Cause(
        "the channels of grad_out are not kept apart in {what}",
        "{lines}",
        "Every output channel has a gradient of its own, grad_out[o].",
        "Which channel of grad_out tells how the loss depends on output channel o?",
    ),
    "kernel-channel-fixed": Cause(
        "one kernel stands for all in {what}",
        "{lines}",
        "Output channel o was made by the kernel W[o], so its gradient goes back through W[o].",
        "Which kernel made output channel o?",
    ),
    "input-channels-lost": Cause(
        "the input channels are not kept apart in {what}",
        "{lines}",
        "Every input channel c has an image of its own, x[c], and a part of the kernel, W[o, c].",
        "Are the results of channel 1 what they would be if channel 0 were not there?",
    ),
    "grad-position-ignored": Cause(
        "grad_out is not used value by value in {what}",
        "{lines}",
        "Every output (i, j) has a value of its own in grad_out, and a window of its own.",
        "Move a single 1 in grad_out one step to the right. What should move with it?",
    ),
    "nonlinear-in-grad": Cause(
        "the values of grad_out are changed before they are used in {what}",
        "{lines}",
        "Each value of grad_out is a plain factor: twice the gradient gives twice the result, and "
        "with the other sign the result has the other sign.",
        "What should become of dx and dW when every value of grad_out changes its sign?",
    ),
    "last-position-skipped": Cause(
        "some positions of grad_out are skipped in {what}",
        "{lines}",
        "i takes every value of range(outH), and j every value of range(outW).",
        "How many rows and columns has grad_out, and which of them do your loops visit?",
    ),
    "shifted": Cause(
        "everything in {what} is shifted",
        "{lines}",
        "Output (i, j) saw the pixels from x[c, i, j] to x[c, i+kH-1, j+kW-1].",
        "Which is the first pixel that output (0, 0) saw?",
    ),
    "scaled": Cause(
        "{what} is multiplied by a factor that does not belong there",
        "{lines}",
        "These are plain sums: no mean is taken, and nothing is divided.",
        "Is the loss a mean anywhere that this function knows of? Where does the factor come from?",
    ),
    "tuple-swapped": Cause(
        "the results are returned in the wrong order",
        _CALL,
        "dx, in the shape of x, comes first, and dW, in the shape of W, second.",
        "Which of the two has the shape of x, and which is to come first?",
    ),
    "integer-truncated": Cause(
        "arrays of integers do not hold the fractions",
        "dx = np.zeros(x.shape)  # float64, whatever x is",
        "np.zeros_like(x) has the dtype of x: where x holds integers, so does dx.",
        "What dtype has zeros_like(x) when x holds integers?",
    ),
    "input-mutated": Cause(
        "an argument is changed in place",
        _CALL,
        "grad_out, x and W belong to the caller, who still needs them.",
        "Which line writes into an array that was passed in, perhaps through a view of it?",
    ),
    "state-kept": Cause(
        "something outlives the call",
        _CALL,
        "The same arguments have to give the same results, in arrays of their own.",
        "Where are the arrays of the result made: in every call, or once?",
    ),
    "square-assumed": Cause(
        "something is taken to be square",
        "kH, kW = W.shape[2:]\noutH, outW = grad_out.shape[1:]",
        "It is right where sizes are equal, and only there. They are six numbers: kH and kW of the "
        "kernel, inH and inW of the image, outH and outW of the output.",
        "Which of the sizes do you read from one axis and use for another?",
    ),
    "wrong-broadcast": Cause(
        "arrays are broadcast into another shape than {what} should have",
        "{lines}",
        "dx has the shape of x, and dW that of W. dW[o] gets what output channel o sends, and no "
        "other channel's.",
        "What are the shapes on both sides of the line that adds up, axis for axis?",
    ),
    "batch-sum-missing": Cause(
        "{what} is not summed over the batch",
        "{lines}",
        "Every image of the batch used the same kernel and the same bias, and each of them adds.",
        "Every image of the batch used the same kernel. What does the second add to its gradient?",
    ),
    "geometry-mixed": Cause(
        "stride, padding or dilation is misplaced in {what}",
        "{lines}",
        "With a stride s, a dilation d and a padding p, the window of output (i, j) begins at row "
        "i*s - p and column j*s - p of x, and its rows and columns lie d apart.",
        "At which row and column of x does the window of output (i, j) begin, and on which pixel "
        "does W[o, c, u, v] lie there?",
    ),
    "precision-lost": Cause(
        "float32 is used inside",
        "np.zeros(x.shape, np.float32)  # keeps 7 digits; np.zeros(x.shape) keeps 16",
        "Results for float64 arguments are right to 16 digits, and these only to 7.",
        "Which array is made, or converted, with a dtype of its own?",
    ),
    # Found by making more of them.
    "grad-flipped": Cause(
        "grad_out is read backwards in {what}",
        "{lines}",
        "grad_out is read from its first value to its last. scipy.signal.convolve2d and its kin "
        "turn one of their arguments by 180°, correlate2d turns none.",
        "Does the function that you call flip one of its arguments?",
    ),
    "kernel-taps-skipped": Cause(
        "part of the kernel is skipped in {what}",
        "{lines}",
        "u takes every value of range(kH), and v every value of range(kW).",
        "How many rows and columns has the kernel, and which do your loops visit?",
    ),
    "output-channels-lost": Cause(
        "output channels are skipped in {what}",
        "{lines}",
        "o takes every value of range(C_out).",
        "How many kernels are there, and which of them do your loops visit?",
    ),
    # From what people report.
    "db-overwritten": Cause(
        "{what} is assigned where it should be added to",
        "{lines}",
        "The bias of output channel o is in every one of that channel's outputs.",
        "How many outputs does one bias change, and how many of them does your db remember?",
    ),
    "channels-exchanged": Cause(
        "input and output channels are exchanged in {what}",
        "{lines}",
        "The first axis of W belongs to the channels of grad_out, the second to those of x.",
        "For dx you add up over the output channels. Which axis of W is that?",
    ),
    "channels-reversed": Cause(
        "the channels are turned round in {what}",
        "{lines}",
        "Where a kernel is turned by 180°, its rows and columns are turned. Channels keep their "
        "order.",
        "Which axes of your array are turned round, and which of them are rows and columns?",
    ),
    "size-of-one": Cause(
        "something goes wrong where a size is 1",
        "a.shape == (1, 5); np.squeeze(a).shape == (5,); a[:, 0:-0].shape == (1, 0)",
        "It is right until a size is 1. np.squeeze takes such axes away, a slice that ends at -0 "
        "is empty, and NumPy repeats an axis of length 1 without a word.",
        "Which line gives an array of another shape when that size is 1?",
    ),
    "size-fixed": Cause(
        "a size is written as a number in {what}",
        "C_out, C_in, kH, kW = W.shape\noutH, outW = grad_out.shape[1:]",
        "It is right up to a size, and what lies beyond is left out. Sizes are read from the "
        "arrays, for other data have other channels, kernels and images.",
        "Which number in your code is a size of the arrays that you tried it with?",
    ),
    "empty-slice": Cause(
        "a slice that ends at -0 is empty in {what}",
        "a[p:-p]  # for p = 0 it is a[0:0], with nothing in it",
        "Minus nothing is 0, and 0 is where an array begins, not where it ends.",
        "What is a[p:-p] for p = 0, and how could the end be written instead?",
    ),
    "reshaped-not-transposed": Cause(
        "numbers are reshaped where their axes should be transposed in {what}",
        "a.reshape(K, -1)  # leaves the numbers in their order\n"
        "a.transpose(1, 0, 2, 3)  # moves them",
        "reshape only counts the numbers anew, in the order in which they lie. Which axis is which "
        "is changed by transpose, and that has to come first.",
        "In which order of axes do the numbers lie, and in which does your reshape take them?",
    ),
    "axes-exchanged": Cause(
        "the axes of {what} stand in another order",
        "dx.shape == x.shape\ndW.shape == W.shape",
        "The numbers are right, but dx has the axes of x, and dW those of W, in their order.",
        "Which axis of your result is which of x's or W's?",
    ),
    "images-mixed": Cause(
        "the images of the batch are not kept apart in {what}",
        "{lines}",
        "Image n has a gradient of its own, grad_out[n], which belongs with x[n] alone.",
        "Which of your sums go over the batch, and do grad_out and x have the same n in them?",
    ),
    "db-axes": Cause(
        "{what} is summed over the wrong axes",
        "db = grad_out.sum(axis=(0, 2, 3))  # of (N, C_out, outH, outW)",
        "One bias belongs to one output channel, so every axis but that of the channels is summed.",
        "Which axis of grad_out is that of the output channels, and which axes are left to sum?",
    ),
    "factors-exchanged": Cause(
        "{what} is made of the wrong factor",
        "{lines}",
        "An output is a sum of pixel times kernel. The derivative of a product with respect to one "
        "factor is the other factor: the patch gets the kernel, and the kernel gets the patch.",
        "If out = patch * kernel, by how much does out grow when the kernel grows by 1?",
    ),
    "one-pixel": Cause(
        "one pixel stands for the whole patch in {what}",
        "{lines}",
        "W[o, c, u, v] met the pixel x[c, i+u, j+v], another one for each u and v.",
        "Which pixel did W[o, c, 0, 1] meet, and which did W[o, c, 0, 0]?",
    ),
    "not-from-zero": Cause(
        "{what} is not zero where grad_out is zero",
        "dx = np.zeros(x.shape)\ndW = np.zeros(W.shape)",
        "dx and dW are sums that begin at 0, and all that is added to them is multiplied by a "
        "value of grad_out. np.empty, np.ones and x.copy() begin with something else.",
        "Which numbers are in dx and dW before your loops begin?",
    ),
    "returned-too-early": Cause(
        "only the first step counts in {what}",
        "for o in range(C_out):\n    for i in range(outH):\n        for j in range(outW):\n"
        "            ...\nreturn dx, dW  # as far to the left as the first for",
        "A return inside a loop ends the function in the loop's first step.",
        "How far to the right does your return stand, and what runs after it?",
    ),
    "index-repeated": Cause(
        "one index is used for two axes in {what}",
        "{lines}",
        "Every axis has a loop variable of its own: i and u go down the rows, j and v along the "
        "columns, o over the output channels, c over the input channels.",
        "Take each array, and each of its axes: which loop variable goes along that axis?",
    ),
    "image-reversed": Cause(
        "the image is turned round in {what}",
        "{lines}",
        "Output (0, 0) saw the pixels in the upper left corner of x, and sends its gradient back "
        "to these.",
        "Which pixels did output (0, 0) see, and which of them does your code use for it?",
    ),
    "edges-missing": Cause(
        "the edges of {what} are missing",
        "np.pad(grad_out, ((0, 0), (kH - 1, kH - 1), (kW - 1, kW - 1)))",
        "dx reaches as far as x does. As a convolution of grad_out with the kernels it is a full "
        "one, which needs kH - 1 rows and kW - 1 columns of zeros on every side.",
        "How many windows see the pixel in the corner, and does your result have a place for it?",
    ),
    "fractions-rounded": Cause(
        "{what} is rounded to whole numbers",
        "np.round(0.4) == 0; np.floor(-0.5) == -1; 1 // 2 == 0",
        "A gradient is seldom a whole number, and the fraction is part of it. Where all numbers "
        "are integers nothing is lost, so that a test with integers does not show it.",
        "Which line rounds, or divides by // in place of /, and what does it make of 0.4?",
    ),
}
