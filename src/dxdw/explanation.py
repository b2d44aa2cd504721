"""What would run for a problem, and why: the plan, in words."""

from dataclasses import dataclass
from html import escape
from typing import Any

import numpy as np
from numpy.typing import DTypeLike

from .call import geometries, operands, plan
from .call.options import AXIS_NAMES, Options, execution
from .call.padding import held as held_by_padding
from .core.documentation import refused
from .core.problem import KINDS, Problem


@dataclass(frozen=True, repr=False)
class Explanation:
    """The answer of `explain`; `str` shows it as a table, and so do notebooks."""

    kind: str
    problem: str
    verdicts: tuple[plan.Verdict, ...]
    engine: str | None  # the one that runs, None where every one declines
    method: str
    flops: int  # floating-point operations of the definition: 2 for each product and its sum
    workspace: int  # bytes of scratch memory
    error_bound: str
    threads: str

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
        ]


def explain(
    kind: str,
    x_shape: tuple[int, ...],
    W_shape: tuple[int, ...],
    padding: Any = 0,
    stride: Any = 1,
    *,
    dilation: Any = 1,
    groups: int = 1,
    padding_mode: str = "zeros",
    dtype: DTypeLike = np.float64,
    precision: str = "high",
    engine: str | None = None,
    threads: int | None = None,
    max_workspace: int | None = None,
) -> Explanation:
    """Which implementation would run a convolution, why the better ones decline, and what it costs.

        FLOPs = 2 · N · C_out · out_H · out_W · (C_in/groups) · kH · kW     for each kind

    Args:
        kind: "forward", "dx" or "dW".
        x_shape, W_shape: shapes as `conv1d`, `conv2d` or `conv3d` takes them; W_shape tells which.
        padding, stride, dilation, groups, padding_mode, precision, engine, threads, max_workspace:
            as there.
        dtype: of the operands; integers are computed in float64, 16-bit floats in float32.

    Returns:
        An Explanation with kind, verdicts, engine, method, flops, workspace (bytes), error_bound
        and threads. An engine that takes finite values only passes others on to the next one.

    Raises:
        ValueError, TypeError: as the convolution itself would.

    >>> e = explain("dW", (8, 64, 56, 56), (64, 64, 3, 3), padding=1, dtype="float32")
    >>> e.engine, e.flops
    ('array', 1849688064)

    Source: the table of implementations that oneDNN prints, as an idea.
    """
    if kind not in KINDS:
        raise refused(
            ValueError, f"kind is {kind!r}: it must be one of {', '.join(map(repr, KINDS))}"
        )
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
        threads=plan.threads_in_words(chosen, how.threads),
    )


def _dtypes(compute: Any, result: Any) -> str:
    return str(compute) if compute == result else f"{result}, summed in {compute}"


def _bound(bound: str, compute: Any, result: Any) -> str:
    return bound if compute == result else f"{bound}; then one rounding to {result}"
