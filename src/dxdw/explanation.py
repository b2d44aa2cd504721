"""What would run for a problem, and why: the plan, in words."""

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from html import escape
from typing import Any

import numpy as np
from numpy.typing import DTypeLike

from .call import geometries, operands, plan, tuned
from .call.options import AXIS_NAMES, Options, execution, is_one_of
from .call.padding import held as held_by_padding
from .core.documentation import refused
from .core.problem import KINDS, Problem
from .typing import Kind, Padding, PaddingMode, PerAxis, Precision


@dataclass(frozen=True, repr=False)
class Explanation:
    """The answer of `explain`; `str` shows it as a table, and so do notebooks.

    Parameters
    ----------
    kind : str
        "forward", "dx" or "dW".
    problem : str
        The shapes and the dtype, in words.
    verdicts : tuple of (engine, declined)
        What each engine says, best first: why it declines, or None where it accepts.
    engine : str or None
        The one that runs; None where every one declines.
    method : str
        What it does, in words.
    flops : int
        Floating-point operations of the definition: 2 for each product and its sum.
    workspace : int
        Bytes of scratch memory.
    error_bound : str
        How large the error of an element can be, in words.
    threads : str
        How many there are at most, in words.
    tuned : str
        What `dxdw tune` measured of the problem on this CPU, in words; empty where it didn't.

    See Also
    --------
    explain, EngineDeclined

    Examples
    --------
    >>> from dxdw import explain
    >>> explain("dx", (1, 1, 8, 8), (1, 1, 3, 3), engine="reference")
    <Explanation: dx of x (1, 1, 8, 8) and W (1, 1, 3, 3) in float64 by reference>
    """

    kind: str
    problem: str
    verdicts: tuple[plan.Verdict, ...]
    engine: str | None
    method: str
    flops: int
    workspace: int
    error_bound: str
    threads: str
    tuned: str = ""

    def __repr__(self) -> str:
        return f"<Explanation: {self.kind} of {self.problem} by {self.engine or 'no engine'}>"

    def __str__(self) -> str:
        width = max(len(v.engine) for v in self.verdicts)
        lines = [f"{self.kind} of {self.problem}"]
        lines += [f"  {v.engine:<{width}}  {self._note(v)}" for v in self.verdicts]
        return "\n".join([*lines, *(f"  {line}" for line in self._costs())])

    def _repr_html_(self) -> str:
        rows = []
        for verdict in self.verdicts:
            name, note = escape(verdict.engine), escape(self._note(verdict))
            runs = verdict.engine == self.engine
            style = "text-align:left;padding:2px 8px" + (";font-weight:bold" if runs else "")
            rows.append(
                f'<tr><td style="{style}"><code>{name}</code></td>'
                f'<td style="{style}">{note}</td></tr>'
            )
        costs = "<br>".join(map(escape, self._costs()))
        return (
            '<div class="dxdw-explanation" style="font-family:system-ui,sans-serif">'
            f"<p><b>{escape(self.kind)}</b> of {escape(self.problem)}</p>"
            f"<table>{''.join(rows)}</table><p>{costs}</p></div>"
        )

    def to_json(self) -> dict[str, Any]:
        """All of it as JSON can hold it; `verdicts` is a list of {"engine", "declined"}."""
        return asdict(self) | {"verdicts": [verdict._asdict() for verdict in self.verdicts]}

    def _note(self, verdict: plan.Verdict) -> str:
        if verdict.engine == self.engine:
            return f"runs: {self.method}"
        if verdict.declined:
            return f"declines: {verdict.declined}"
        return "only when asked for by name" if verdict.engine == plan.BY_NAME_ONLY else "accepts"

    def _costs(self) -> list[str]:
        if self.engine is None:
            return []
        return [
            f"{self.flops:,} FLOPs, {self.workspace:,} bytes of scratch memory",
            self.error_bound,
            f"threads: {self.threads}",
            *([f"tuned on this CPU: {self.tuned}"] if self.tuned else []),
        ]


def explain(
    kind: Kind,
    x_shape: Sequence[int],
    W_shape: Sequence[int],
    padding: Padding = 0,
    stride: PerAxis = 1,
    *,
    dilation: PerAxis = 1,
    groups: int = 1,
    padding_mode: PaddingMode = "zeros",
    dtype: DTypeLike = np.float64,
    precision: Precision = "high",
    engine: str | None = None,
    threads: int | None = None,
    max_workspace: int | None = None,
) -> Explanation:
    """Which implementation would run a convolution, why the better ones decline, and what it costs.

        FLOPs = 2 · N · C_out · out_H · out_W · (C_in/groups) · kH · kW     for each kind

    Parameters
    ----------
    kind : {"forward", "dx", "dW"}
        "forward", "dx" or "dW".
    x_shape, W_shape : sequence of int
        Shapes as `conv1d`, `conv2d` or `conv3d` takes them; W_shape tells which.
    padding, stride, dilation, groups, padding_mode : optional
        As there.
    dtype : dtype_like
        Of the operands; 16-bit floats are summed in float32, integers alone in float64.
    precision, engine, threads, max_workspace : optional
        As there.

    Returns
    -------
    Explanation
        An Explanation with kind, verdicts, engine, method, flops, workspace (bytes), error_bound
        and threads. An engine that takes finite values only passes others on to the next one.

    Raises
    ------
    ValueError, TypeError
        As the convolution itself would.
    ImportError
        dtype="bfloat16" without ml_dtypes.

    See Also
    --------
    conv2d, conv2d_backward, show_config

    References
    ----------
    The table of implementations that oneDNN prints, as an idea.

    Examples
    --------
    What is printed depends on the machine; this is with the compiled kernels, on AVX-512.

    >>> e = explain("dW", (8, 64, 56, 56), (64, 64, 3, 3), padding=1, dtype="float32")
    >>> e.engine, e.flops  # doctest: +SKIP
    ('winograd', 1849688064)
    >>> e.flops == 2 * 8 * 64 * 56 * 56 * 64 * 3 * 3
    True
    """
    if not is_one_of(kind, KINDS):
        raise refused(
            ValueError, f"kind is {kind!r}: it must be one of {', '.join(map(repr, KINDS))}"
        )
    x_shape, W_shape = operands.shape(x_shape, "x_shape"), operands.shape(W_shape, "W_shape")
    ndim = len(W_shape) - 2
    if ndim not in AXIS_NAMES:
        raise refused(ValueError, f"W_shape is {W_shape}: it must have 3, 4 or 5 entries")
    options = Options(
        padding, stride, dilation, groups, padding_mode, precision, engine, threads, max_workspace
    )
    how = execution(options)
    geometry, _ = geometries.convolution(ndim, x_shape, W_shape, options)
    own = operands.empty_of(dtype, "an array of this dtype")
    compute, result = operands.common_dtypes(x=own)
    inner = geometry.prepadded if geometry.explicit_padding else geometry
    held = held_by_padding(geometry, compute) if geometry.explicit_padding else 0
    # (A padding mode's x is widened with its padding.)
    narrow = compute != result and not geometry.explicit_padding
    stored = result.name if narrow else None
    problem = Problem(kind, inner, compute, how=how, held=held, stored=stored)
    verdicts = plan.decide(problem)
    try:
        chosen = plan.accepting(problem)[0]
    except plan.EngineDeclined:
        chosen = None
    module = None if chosen is None else plan.engines()[chosen]
    return Explanation(
        kind=kind,
        problem=f"x {tuple(x_shape)} and W {tuple(W_shape)} in {_dtypes(compute, result)}",
        verdicts=verdicts,
        engine=chosen,
        method="" if chosen is None else plan.method(chosen, problem),
        flops=geometry.flops,
        workspace=held + module.workspace(problem) if module else 0,
        error_bound=_bound(module.error_bound(problem), compute, result) if module else "",
        threads=plan.threads_in_words(chosen, problem),
        tuned=_tuned(problem),
    )


def _tuned(problem: Problem) -> str:
    found = None if problem.how.engine else tuned.of(problem)
    return "" if found is None else str(found)


def _dtypes(compute: Any, result: Any) -> str:
    return str(compute) if compute == result else f"{result}, summed in {compute}"


def _bound(bound: str, compute: Any, result: Any) -> str:
    return bound if compute == result else f"{bound}; then one rounding to {result}"
