"""Right solutions with one place of their source changed, as a slip of the keyboard would."""

import ast
import inspect

import right_versions

SOURCES = (
    "loops",
    "all_six_loops",
    "taps",
    "sliding_windows",
    "im2col",
    "fft",
    "scipy_signal",
    "add_at",
)
OTHER_NAME = {
    "i": "j", "j": "i", "u": "v", "v": "u", "kH": "kW", "kW": "kH", "oH": "oW", "oW": "oH",
    "H": "Wd", "Wd": "H", "o": "i", "c": "o", "convolve2d": "correlate2d",
    "correlate2d": "convolve2d", "fg": "fx", "dx": "dW",
}  # fmt: skip


def mutants():
    """(what was changed, the function), for each place of each source."""
    for name in SOURCES:
        tree = ast.parse(inspect.getsource(getattr(right_versions, name)))
        for number in range(sum(1 for _ in _changes(tree))):
            copy = ast.parse(inspect.getsource(getattr(right_versions, name)))
            said, change = list(_changes(copy))[number]
            before = ast.unparse(copy)
            change()
            ast.fix_missing_locations(copy)
            if ast.unparse(copy) == before:
                continue
            names = dict(vars(right_versions))
            exec(compile(copy, f"<mutant of {name}>", "exec"), names)  # noqa: S102 - our own
            yield f"{name}: {said}", names[name]


def _changes(tree):  # noqa: C901 - one branch for each kind of slip C901 - one branch for each kind of slip
    for node in ast.walk(tree):
        line = getattr(node, "lineno", 0)
        if isinstance(node, ast.AugAssign):
            yield (
                f"line {line}: {ast.unparse(node)} with -=",
                lambda n=node: setattr(n, "op", ast.Sub()),
            )
            yield f"line {line}: {ast.unparse(node)} with =", lambda n=node: _assign(tree, n)
        elif isinstance(node, ast.BinOp):
            text = ast.unparse(node)
            for kind, other in (
                (ast.Add, ast.Sub),
                (ast.Sub, ast.Add),
                (ast.Mult, ast.Add),
                (ast.MatMult, ast.Add),
            ):
                if isinstance(node.op, kind):
                    yield (
                        f"line {line}: {text} with {other.__name__}",
                        lambda n=node, o=other: setattr(n, "op", o()),
                    )
        elif isinstance(node, ast.Constant) and type(node.value) is int:
            for by in (-1, 1):
                yield (
                    f"line {line}, column {node.col_offset}: {node.value} is {node.value + by}",
                    lambda n=node, by=by: setattr(n, "value", n.value + by),
                )
        elif isinstance(node, ast.Constant) and isinstance(node.value, str) and "->" in node.value:
            for a, b in (("ij", "ji"), ("uv", "vu"), ("oc", "co"), ("hw", "wh")):
                for k in range(node.value.count(a)):
                    at = _nth(node.value, a, k)
                    value = node.value[:at] + b + node.value[at + 2 :]
                    yield (
                        f"line {line}: {value}",
                        lambda n=node, value=value: setattr(n, "value", value),
                    )
        elif (
            isinstance(node, ast.Name) and isinstance(node.ctx, ast.Load) and node.id in OTHER_NAME
        ):
            other = OTHER_NAME[node.id]
            yield (
                f"line {line}, column {node.col_offset}: {node.id} is {other}",
                lambda n=node, other=other: setattr(n, "id", other),
            )
        elif isinstance(node, ast.Return):
            yield "results exchanged", lambda n=node: n.value.elts.reverse()


def _nth(text, part, k):
    at = -1
    for _ in range(k + 1):
        at = text.index(part, at + 1)
    return at


def _assign(tree, node):
    for parent in ast.walk(tree):
        for body in (getattr(parent, "body", None),):
            if isinstance(body, list) and node in body:
                body[body.index(node)] = ast.Assign([node.target], node.value)
