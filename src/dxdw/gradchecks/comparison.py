"""The gradients of one vjp at one point, compared line by line."""

from collections.abc import Callable, Sequence
from itertools import pairwise
from math import sqrt
from typing import Any, NamedTuple

import numpy as np

from ..core.arrays import Array
from ..core.documentation import refused
from .differences import NOISE_FACTOR, Differences, Estimate
from .imaginary import complex_step
from .lines import Coordinate, Direction, Line
from .noise import noise, typical_size
from .reals import Functions, Layout, Point, Precision, Real, root_sum
from .result import ArgumentCheck
from .verdicts import NOT_CHECKED, VERDICTS, WRONG, verdict

# A derivative is refined until an error so much smaller than the visible one would show.
REFINED = 16


class Finding(NamedTuple):
    """What came of one line."""

    estimate: Estimate
    got: Real
    vjp_noise: float
    verdict: str


class Comparison:
    """What all lines of a check share: the point, grad_out, vjp's gradients and the noise."""

    def __init__(
        self,
        functions: Functions,
        grad_out: Any,
        mode: str,
        rng: np.random.Generator,
        rtol: float,
        visible: float,
    ) -> None:
        self.functions, self.mode = functions, mode
        self.rtol, self.visible = rtol, visible
        self.point, value = functions.start()
        if not np.isfinite(value).all():
            raise refused(
                ValueError, "f(*args) isn't finite: there is no gradient to check", "gradchecks"
            )
        self.grad_out = functions.grad_out(grad_out, rng)
        self.got = functions.gradients(self.point, self.grad_out, watch=True)
        self._again = functions.gradients(self.point, self.grad_out)
        self._outputs = Precision.of(functions.out)
        self._f_noise = noise(functions.outputs, self.point, value, self._outputs, rng)
        self._vjp_noise = NOISE_FACTOR * np.nan_to_num(self._noise_of_vjp(rng))
        self._differences = Differences(
            functions.outputs, value, self.grad_out, self._f_noise, self._outputs
        )
        self._value = value
        ends = np.cumsum([0, *map(len, self.point)])
        self._where = [slice(a, b) for a, b in pairwise(ends)]

    def compare(
        self,
        argnums: Sequence[int],
        count: int | None,
        rng: np.random.Generator,
        progress: Callable[[int, int], object],
    ) -> tuple[ArgumentCheck, ...]:
        """Look along all lines: count of each argument, or one for every real of it."""
        if self.mode == "complex-step":
            self._refuse_complex(argnums)
        plan = [
            [] if n in self.functions.complaints else self._lines(place, count, rng)
            for place, n in enumerate(argnums)
        ]
        total, done, found = sum(map(len, plan)), 0, []
        for lines in plan:
            findings = []
            for line in lines:
                findings.append(self._look_along(line))
                done += 1
                progress(done, total)
            found.append(findings)
        return tuple(
            self._report(n, lines, findings, place)
            for place, (n, lines, findings) in enumerate(zip(argnums, plan, found, strict=True))
        )

    @property
    def complaints(self) -> tuple[str, ...]:
        """What is wrong with f and vjp but for the numbers."""
        found = list(self.functions.changed)
        largest = np.max(np.abs(np.nan_to_num(self.got)), initial=0)
        apart = np.max(np.abs(np.nan_to_num(self._again - self.got)), initial=0)
        eps = max((np.finfo(x.dtype).eps for x in self.point), default=0)
        if apart > sqrt(eps) * largest:
            found.append(f"a second call of vjp with the same arguments differed by {apart:.2g}")
        return tuple(found)

    def notes(self, arguments: Sequence[ArgumentCheck]) -> tuple[str, ...]:
        """What else a user should know."""
        found = []
        if self._is_the_conjugate(arguments):
            found.append(
                "these are right gradients in the convention of JAX and Autograd: "
                "lambda grad_out, *args: conj(vjp(conj(grad_out), *args)) gives the adjoint"
            )
        own = Precision.of(self.functions.layouts)
        lost = _excess(self._vjp_noise / NOISE_FACTOR, own.spacing(self.got), self.got)
        if (
            lost > 1e5
            and _excess(self._f_noise, self._outputs.spacing(self._value), self._value) < 1e3
        ):
            found.append(
                f"vjp's rounding noise is {lost:.1g} times that of its own type, f's is not: it "
                "seems to calculate in a narrower one"
            )
        return tuple(found)

    def _noise_of_vjp(self, rng: np.random.Generator) -> Array:
        """Of its gradients, with the arguments and grad_out moving."""
        functions, n = self.functions, len(self.point)
        parts = functions.in_own_types(self.grad_out) if functions.takes_grad_out else []

        def gradients(vectors: Point) -> Array:
            moved = vectors[n:] and np.concatenate([g.astype(functions.wide) for g in vectors[n:]])
            return functions.gradients(vectors[:n], moved if parts else self.grad_out)

        precision = Precision.of(functions.layouts)
        return noise(gradients, [*self.point, *parts], self.got, precision, rng)

    def _lines(self, place: int, count: int | None, rng: np.random.Generator) -> Sequence[Line]:
        layout, x = self.functions.layouts[place], self.point[place]
        unit = typical_size(x)
        if self.mode == "projection":
            gradient = np.nan_to_num(self.got[self._where[place]])
            directions = (unit * rng.standard_normal(len(x)) for _ in range(count or 0))
            return [
                Direction(self.point, place, v.astype(self.functions.wide), gradient)
                for v in directions
            ]
        each = 2 if layout.dtype.kind == "c" else 1
        chosen = np.arange(len(x) // each)
        if count is not None and count < len(chosen):
            chosen = np.sort(rng.choice(chosen, count, replace=False))
        reals = (each * chosen[:, None] + np.arange(each)).ravel()
        # No round numbers: steps that are multiples of what is rounded inside f would not show it.
        units = np.maximum(np.abs(x.astype(np.float64)), unit) * rng.uniform(0.6, 1, len(x))
        return [Coordinate(self.point, place, int(k), float(units[k])) for k in reals]

    def _look_along(self, line: Line) -> Finding:
        gradient = self.got[self._where[line.argument]]
        noise_ = self._vjp_noise[self._where[line.argument]]
        if isinstance(line, Coordinate):
            got, vjp_noise, size, length = gradient[line.k], float(noise_[line.k]), 0.0, 1.0
        else:
            got = np.dot(gradient, line.v)
            vjp_noise, size = float(root_sum(noise_ * line.v)), float(root_sum(gradient * line.v))
            length = float(root_sum(line.v))
        typical = float(root_sum(gradient)) / sqrt(max(1, len(gradient)))
        least = length * float(np.finfo(self.point[line.argument].dtype).smallest_normal)

        def judged(estimate: Estimate, visible: float) -> str:
            return verdict(
                estimate,
                got,
                vjp_noise,
                rtol=self.rtol,
                visible=visible,
                size=size,
                typical=typical,
                least=least,
            )

        def enough(estimate: Estimate) -> bool:
            return judged(estimate, self.visible / REFINED) == VERDICTS[0]

        def is_wrong(estimate: Estimate) -> bool:
            return judged(estimate, self.visible) == WRONG

        if self.mode == "complex-step" and isinstance(line, Coordinate):
            estimate = complex_step(self.functions.imaginary, self.grad_out, line)
            if is_wrong(estimate):
                self._refuse_not_analytic(line, estimate)
        else:
            estimate = self._differences.along(line, enough, is_wrong)
        return Finding(estimate, got, vjp_noise, judged(estimate, self.visible))

    def _refuse_complex(self, argnums: Sequence[int]) -> None:
        for n, layout in zip(argnums, self.functions.layouts, strict=True):
            if layout.dtype.kind == "c":
                raise refused(
                    TypeError,
                    f"args[{n}] is complex: mode 'complex-step' is for real arguments",
                    "gradchecks",
                )
        if any(layout.dtype.kind == "c" for layout in self.functions.out):
            raise refused(
                TypeError,
                "f's output is complex: mode 'complex-step' is for real outputs",
                "gradchecks",
            )

    def _refuse_not_analytic(self, line: Line, estimate: Estimate) -> None:
        real = self._differences.along(line, lambda _: False, lambda _: True)
        if abs(real.slope - estimate.slope) > real.bound + estimate.bound:
            raise refused(
                ValueError,
                f"f isn't analytic: along an element of args, its complex step gives "
                f"{estimate.slope:.6g} and its differences {real.slope:.6g}; use mode 'full'",
                "gradchecks",
            )

    def _report(
        self, argnum: int, lines: Sequence[Line], findings: Sequence[Finding], place: int
    ) -> ArgumentCheck:
        layout, gradient = self.functions.layouts[place], self.got[self._where[place]]
        if self.mode == "projection":
            into = Layout((len(lines),), np.dtype(self.functions.wide))
            at, got = np.arange(len(lines)), np.array([f.got for f in findings], into.dtype)
        else:
            into = Layout(layout.shape, np.result_type(layout.dtype, self.functions.wide))
            at, got = (
                np.array([line.k for line in lines if isinstance(line, Coordinate)], int),
                gradient,
            )
        size = into.size

        def spread(values: Sequence[Real], start: float = 0.0) -> Array:
            reals = np.full(size, start, into.real)
            reals[at] = values
            return reals

        def lengths(values: Sequence[float]) -> Array:
            """Of a complex number's two parts together."""
            return np.abs(into.array(spread(values)))

        ranks = np.full(size, VERDICTS.index(NOT_CHECKED))
        ranks[at] = [VERDICTS.index(f.verdict) for f in findings]
        if into.dtype.kind == "c":
            ranks = ranks.reshape(-1, 2).max(1)
        bounds = [
            f.estimate.bound + f.vjp_noise + self.rtol * abs(f.estimate.slope) for f in findings
        ]
        parts = {
            "rounding in f": lengths([f.estimate.noise for f in findings]),
            "truncation": lengths([f.estimate.truncation for f in findings]),
            "half the kink": lengths([f.estimate.kink for f in findings]),
            "rounding in vjp": lengths([f.vjp_noise for f in findings]),
            "rtol": lengths([self.rtol * abs(f.estimate.slope) for f in findings]),
        }
        steps = into.array(spread([f.estimate.step for f in findings], np.nan))
        return ArgumentCheck(
            argument=argnum,
            shape=layout.shape,
            dtype=str(layout.dtype),
            expected=into.array(spread([f.estimate.slope for f in findings], np.nan)),
            got=into.array(got),
            tolerance=lengths(bounds),
            verdict=np.array(VERDICTS)[ranks].reshape(into.shape),
            step=steps.real,
            parts=parts,
            norm=float(root_sum(gradient)),
            unit=typical_size(self.point[place]),
            complaint=self.functions.complaints.get(argnum),
        )

    def _is_the_conjugate(self, arguments: Sequence[ArgumentCheck]) -> bool:
        """Whether gradients that are wrong are right in the other convention for complex ones."""
        complex_ = any(layout.dtype.kind == "c" for layout in self.functions.layouts)
        if self.mode != "full" or not complex_ or all(a.ok for a in arguments):
            return False
        conjugate = self.functions.conjugated_outputs(self.grad_out)
        gradients = self.functions.gradients(self.point, conjugate)
        for argument, layout, where in zip(
            arguments, self.functions.layouts, self._where, strict=True
        ):
            other = Layout(layout.shape, argument.expected.dtype).array(gradients[where]).conj()
            apart = np.abs(other - argument.expected)
            if not (apart <= argument.tolerance)[argument.verdict != NOT_CHECKED].all():
                return False
        return True


def _excess(level: Array, spacing: Array, values: Array) -> float:
    """How many times the noise is what the type itself brings, for the typical value."""
    some = np.isfinite(values) & (values != 0)
    return float(np.median(level[some] / spacing[some])) if some.any() else 0.0
