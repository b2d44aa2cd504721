"""The checker that names the mistake in a hand-written convolution backward."""

from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import DTypeLike

from ..core.arrays import unwarned
from ..core.documentation import refused
from ..problem_names import PROBLEMS, ProblemName
from .causes import CAUSES
from .contract import Contract, promised_by
from .diagnose import examine
from .ladder import RUNGS
from .report import Check, Evidence, FirstWrong, Report

__all__ = [
    "CAUSES",
    "Check",
    "Evidence",
    "FirstWrong",
    "Report",
    "check_names",
    "diagnose",
    "questions",
]


def diagnose(
    fn: Callable[..., Any],
    *,
    batch: bool = False,
    stride: int | tuple[int, int] = 1,
    padding: int | tuple[int, int] = 0,
    dilation: int | tuple[int, int] = 1,
    groups: int = 1,
    bias: bool = False,
    returns: str | None = None,
    channels_last: bool = False,
    dtype: DTypeLike = np.float64,
    problem: ProblemName = "conv2d_backward",
    noted: Callable[[Check], None] | None = None,
) -> Report:
    """What is wrong with a function that computes (dx, dW), by name where the mistake is known.

        dx[c,h,w]   = Σ_{o,u,v} grad_out[o,h−u,w−v] · W[o,c,u,v]
        dW[o,c,u,v] = Σ_{i,j}   grad_out[o,i,j] · x[c,i+u,j+v]

    The function is called on small integers, whose sums are exact in any order, so that its answers
    can be compared with those of every known mistake. One is named only where it gives the very
    answers of the function on two problems or more, and fails on none. What is not there yet, such
    as a dW of zeros, is told first.

    Parameters
    ----------
    fn : callable
        `fn(grad_out, x, W)`, returning (dx, dW), with x (C_in, inH, inW), W (C_out, C_in, kH, kW)
        and grad_out (C_out, outH, outW). Its parameters may have the names that courses give them
        (dout, w, pad, conv_param, or a cache of these). It runs in this process: an endless loop is
        for `dxdw check`, which has a time limit.
    batch : bool
        x and grad_out have an axis N in front.
    stride, padding, dilation : int or tuple of int
        As for `conv2d`. fn is given them by name where it has parameters of these names, and is
        otherwise taken to know them.
    groups : int
        As for `conv2d`. fn is given them by name where it has parameters of these names, and is
        otherwise taken to know them.
    bias : bool
        Db, (C_out,), is returned too.
    returns : str or None
        The order of the results, "dx,dW" or "dx,dW,db" unless given.
    channels_last : bool
        x and grad_out are (…, rows, columns, C), and W is (kH, kW, C_in, C_out).
    dtype : dtype_like
        Of the arguments; float32 for a function that computes in float32 by design.
    problem : str
        Another of the practice series: "conv2d_naive", "conv2d", "max_pool_2d", "relu", "softmax"
        or "mini_cnn_forward", which have no options here.
    noted : callable or None
        Is called with each `Check` as soon as its answer is known, which is not in the order of the
        report; those that are not run are in the report alone.

    Returns
    -------
    Report
        A `Report`: `ok`, `causes`, `missing`, `first_wrong`, `failed`, `advice`, `to_json()`; text
        for `str`, and HTML in notebooks. Arguments and results of fn are copied: nothing of it
        aliases them.

    Raises
    ------
    ValueError, TypeError
        An option that is none of these, or with which the arrays would be too large. What fn does
        is reported.

    See Also
    --------
    check_names, dxdw.gradcheck

    References
    ----------
    The adjoint identities define the gradients of a bilinear map; naming mistakes by exact
    integer answers is this project's own.

    Examples
    --------
    >>> import numpy as np
    >>> def conv2d_backward(grad_out, x, W):
    ...     dx, dW = np.zeros(x.shape), np.zeros(W.shape)
    ...     (_, kH, kW) = W.shape[1:]
    ...     for o, i, j in np.ndindex(grad_out.shape):
    ...         dW[o] += grad_out[o, i, j] * x[:, i : i + kH, j : j + kW]
    ...         dx[:, i : i + kH, j : j + kW] = grad_out[o, i, j] * W[o]
    ...     return dx, dW
    >>> diagnose(conv2d_backward).causes
    ('dx-overwritten',)
    """
    return examiner(
        problem, noted, batch=batch, stride=stride, padding=padding, dilation=dilation,
        groups=groups, bias=bias, returns=returns, channels_last=channels_last, dtype=dtype,
    )(fn)  # fmt: skip


def check_names(problem: ProblemName = "conv2d_backward") -> tuple[str, ...]:
    """The names of a report's checks, in their order.

    Parameters
    ----------
    problem : str
        A problem of the practice series, as for `diagnose`.

    Returns
    -------
    tuple of str
        A name for each check.

    See Also
    --------
    questions

    Examples
    --------
    >>> check_names("relu")
    ('signature', 'runs', 'shapes', 'finite', 'exact', 'arguments', 'repeatable')
    """
    return tuple(questions(problem))


def questions(problem: ProblemName = "conv2d_backward") -> dict[str, str]:
    """What each check asks, by its name, in the order of the report.

    Parameters
    ----------
    problem : str
        A problem of the practice series, as for `diagnose`.

    Returns
    -------
    dict of str
        The question of each check, by its name.

    See Also
    --------
    check_names

    Examples
    --------
    >>> questions("relu")["exact"]
    'the right numbers'
    """
    if problem == "conv2d_backward":
        return dict(RUNGS)
    from .exercise import QUESTIONS

    return dict(QUESTIONS)


def examiner(problem: Any, noted: Any, **options: Any) -> Callable[[Callable[..., Any]], Report]:
    """What `diagnose` does to a function with these options, which are checked now.

    Raises:
        ValueError, TypeError: as `diagnose`.
    """
    promised = promised_by(**options)
    if noted is not None and not callable(noted):
        raise refused(
            TypeError,
            f"noted is {noted!r}: it must be None, or a function that is called with each Check",
            "diagnosis",
        )
    if problem == "conv2d_backward":
        return lambda fn: unwarned(examine, fn, promised, noted)
    from .exercise import examine_exercise
    from .exercises import exercises

    known = exercises()
    if problem not in tuple(known):  # for what no dict can look up too
        raise refused(
            ValueError,
            f"problem is {problem!r}: it must be one of {', '.join(PROBLEMS)}",
            "diagnosis",
        )
    if promised != Contract():
        raise refused(ValueError, f"the problem {problem} has no options", "diagnosis")
    return lambda fn: unwarned(examine_exercise, fn, known[problem], noted)
