"""The kernels beside NumPy, in a page or under node: dx and dW in one call, medians interleaved.

Prints a line for each problem: milliseconds of the kernels and of every other way, and how many
times as long the quickest of these took. Every answer is checked before it is timed.
"""

from functools import partial
from typing import Any

from dxdw import conv2d_backward, explain
from dxdw.benchmark import measure, usual_ways
from dxdw.benchmark.problems import parse
from dxdw.benchmark.task import Operands
from dxdw.engines import native_library

PROBLEMS = (
    'mb4ic16ih32oc16oh30kh3n"3x3"',
    'mb4ic16ih32oc16oh32kh3ph1n"3x3, padded"',
    'mb4ic16ih32oc16oh28kh5n"5x5"',
    'mb4g16ic16ih32oc16oh32kh3ph1n"3x3, depthwise"',
    'mb4ic16ih32oc16oh15kh3sh2n"3x3, stride 2"',
    'mb4ic3ih32oc16oh30kh3n"3x3, 3 channels"',
    'mb1ic1ih8oc4oh6kh3n"3x3, an exercise"',
)
ROUNDS, SECONDS = 21, 2.0


def ways(task):
    """Both gradients by the kernels, by the engine in array operations, and as NumPy's users do."""
    operands, options = (task.grad_out, task.x, task.W), task.problem.options
    found = {
        "kernels": partial(conv2d_backward, *operands, **options),
        "array engine": partial(conv2d_backward, *operands, **options, engine="array"),
    }
    usual = [
        usual_ways.ways(kind, task.problem, task.x, task.W, task.grad_out) for kind in ("dx", "dW")
    ]
    for name, dx in usual[0].items():
        found[name] = lambda dx=dx, dW=usual[1][name]: (dx(), dW())
    return found


def main() -> None:
    print(f"instruction set: {native_library.isa()}")
    conditions = measure.Conditions()
    for line in PROBLEMS:
        problem = parse(line)
        for dtype in ("float32", "float64"):
            task = Operands(problem).task("dx+dW", dtype)
            each = ways(task)
            for name, way in each.items():
                if (error := task.error(way())) > task.tolerance:
                    raise SystemExit(f"{line}: {name} is {error:.1e} off")
            times = measure.interleaved(each, dict.fromkeys(each, ROUNDS), SECONDS, conditions)
            median = {name: 1e3 * timing.median for name, timing in times.items()}
            kernels = median.pop("kernels")
            options: dict[str, Any] = {**problem.options, "dtype": dtype}
            told = explain("dx", problem.x_shape, problem.W_shape, **options)
            others = ", ".join(f"{name} {ms:.3f}" for name, ms in median.items())
            ratio = min(median.values()) / kernels
            print(
                f"{problem.name} {dtype} ({told.engine}): {kernels:.3f} ms; {others}; {ratio:.1f}x"
            )


if __name__ == "__main__":
    main()
