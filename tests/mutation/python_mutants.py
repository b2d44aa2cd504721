"""Changes one thing in a module, and sees whether the tests notice: `make mutation SECONDS=600`.

Mutants are drawn in an order that a fixed seed makes. The tests run on a copy of the package, in a
fork of a process that has loaded what they need. Those that live are told; SURVIVORS.md says of
the known ones why.
"""

import argparse
import ast
import importlib
import os
import random
import shutil
import signal
import sys
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import NamedTuple

ROOT = Path(__file__).parents[2]
COPY = ROOT / "build/mutation-python/src"
LOG = COPY.with_name("tests.txt")  # of the latest mutant
KNOWN = Path(__file__).with_name("SURVIVORS.md")
MODULES = (
    *("call/operands.py", "call/options.py", "call/geometries.py", "call/outputs.py"),
    *("call/passes.py", "call/plan.py", "call/padding.py", "call/convolution.py"),
    *("core/geometry.py", "core/problem.py", "engines/native_plan.py"),
)
# The judges, in turn: one test that fails ends them.
QUICK = (
    *("call/test_seed_contract.py", "call/test_errors_options.py", "call/test_errors.py"),
    *("call/test_padding_modes.py", "call/test_dtypes.py"),
)
TESTS = (
    *(
        "call/test_exhaustive.py",
        "core",
        "call/test_explain.py",
        "call/test_hazards_sizes.py",
        "call/test_hazards_layout.py",
    ),
    *("call/test_array_libraries.py", "call/test_hazards_values.py", "call/test_transposed.py"),
    *("call/test_channels_last.py", "call/test_narrow_arrays.py", "call/test_derivatives.py"),
    *("call/test_named_results.py", "call/test_hazards_memory.py", "call/test_determinism.py"),
    *("call/test_neighbours.py", "engines/test_engines.py", "engines/test_worst_errors.py"),
    *("call/test_tuned.py", "engines/test_native_kernels.py", "interop/test_interop_scipy.py"),
    *("interop/test_one_rule_of_dtypes.py", "interop/test_interop_bilinear.py"),
)
LIMIT = 600  # seconds of a mutant's tests; one that ends never is noticed too

COMPARED = {
    ast.Lt: "<=", ast.LtE: "<", ast.Gt: ">=", ast.GtE: ">", ast.Eq: "!=", ast.NotEq: "==",
    ast.Is: "is not", ast.IsNot: "is", ast.In: "not in", ast.NotIn: "in",
}  # fmt: skip
COMPUTED = {
    ast.Add: "-", ast.Sub: "+", ast.Mult: "+", ast.FloorDiv: "*", ast.Mod: "//", ast.Div: "*",
}  # fmt: skip


class Mutant(NamedTuple):
    """Part of a file's line, replaced."""

    file: str
    function: str
    line: int
    start: int  # in bytes of the source
    end: int
    old: str  # the whole line, with what is replaced marked
    new: str

    @property
    def name(self) -> str:
        """Without its line's number, which changes with other lines."""
        return f"{self.file} {self.function}: `{self.old}` → `{self.new}`"


def mutants_of(file: str) -> Iterator[Mutant]:
    source = (ROOT / "src/dxdw" / file).read_bytes()
    starts = [0]
    for line in source.splitlines(keepends=True):
        starts.append(starts[-1] + len(line))

    def visit(node: ast.AST, function: str) -> Iterator[Mutant]:
        if isinstance(node, ast.FunctionDef | ast.ClassDef):
            function = node.name
        for new in _replacements(node):
            start = starts[node.lineno - 1] + node.col_offset  # type: ignore[attr-defined]
            end = starts[node.end_lineno - 1] + node.end_col_offset  # type: ignore[attr-defined]
            before = source[starts[node.lineno - 1] : start].decode()  # type: ignore[attr-defined]
            after = source[end:].decode().partition("\n")[0]
            marked = f"{before}⟦{source[start:end].decode()}⟧{after.partition('  #')[0]}"
            old = " ".join(marked.split())
            yield Mutant(file, function, node.lineno, start, end, old, new)  # type: ignore[attr-defined]
        for child in _children(node):
            yield from visit(child, function)

    yield from visit(ast.parse(source), "")


def _children(node: ast.AST) -> Iterator[ast.AST]:
    """Those that decide something: no types, no messages, no decorators."""
    left_out = {"annotation", "returns", "decorator_list", "type_params"}
    if isinstance(node, ast.Raise | ast.JoinedStr | ast.Import | ast.ImportFrom | ast.Assert):
        return
    if isinstance(node, ast.Call) and getattr(node.func, "id", "") in {"refused", "TypeVar"}:
        return
    if isinstance(node, ast.keyword) and node.arg == "strict":  # an assertion, of zip
        return
    for name, value in ast.iter_fields(node):
        if name not in left_out:
            yield from (v for v in (value if isinstance(value, list) else [value])
                        if isinstance(v, ast.AST))  # fmt: skip


def _replacements(node: ast.AST) -> Iterator[str]:
    text = ast.unparse
    match node:
        case ast.Compare(left=left, ops=[op], comparators=[right]) if type(op) in COMPARED:
            yield f"({text(left)} {COMPARED[type(op)]} {text(right)})"
        case ast.BinOp(left=left, op=op, right=right) if type(op) in COMPUTED:
            yield f"(({text(left)}) {COMPUTED[type(op)]} ({text(right)}))"
        case ast.BoolOp(op=op, values=values):
            word = " or " if isinstance(op, ast.And) else " and "
            yield "(" + word.join(f"({text(v)})" for v in values) + ")"
        case ast.UnaryOp(op=ast.Not() | ast.USub(), operand=operand):
            yield f"({text(operand)})"
        case ast.IfExp(test=test, body=body, orelse=orelse):
            yield f"({text(orelse)} if {text(test)} else {text(body)})"
        case ast.Constant(value=bool(value)):
            yield str(not value)
        case ast.Constant(value=int(value)):
            yield str(value + 1)
        case ast.If(test=test) | ast.While(test=test):
            pass  # what they compare is changed
        case ast.Expr(value=ast.Call()):
            yield "pass"
        case ast.AugAssign(target=target, op=op, value=value) if type(op) in COMPUTED:
            yield f"{text(target)} {COMPUTED[type(op)]}= {text(value)}"


def lives(mutant: Mutant) -> bool:
    """Whether no test fails of the copy that has it."""
    original = (ROOT / "src/dxdw" / mutant.file).read_bytes()
    changed = original[: mutant.start] + mutant.new.encode() + original[mutant.end :]
    file = COPY / "dxdw" / mutant.file
    file.write_bytes(changed)
    try:
        return _passes(QUICK) and _passes(TESTS)
    finally:
        file.write_bytes(original)


def _passes(tests: Sequence[str]) -> bool:
    child = os.fork()
    if not child:
        os.setpgid(0, 0)
        signal.alarm(LIMIT)
        log = os.open(LOG, os.O_WRONLY | os.O_CREAT | os.O_TRUNC)
        os.dup2(log, 1), os.dup2(log, 2)
        import pytest

        chosen = "not peers and not dask and not slow and not install"
        options = ["-x", "-q", "-p", "no:cacheprovider", "-p", "no:xdist", "-m", chosen]
        options += ["-k", "not the_record"]  # which is of the sources as they are
        os._exit(pytest.main([*options, *(f"{ROOT}/tests/{test}" for test in tests)]))
    _, status = os.waitpid(child, 0)
    return status == 0


def prepare() -> None:
    """The copy, and in this process all that tests load but the package."""
    shutil.rmtree(COPY, ignore_errors=True)
    shutil.copytree(ROOT / "src", COPY, ignore=shutil.ignore_patterns("__pycache__"))
    os.chdir(ROOT)
    sys.dont_write_bytecode = True
    sys.path[:0] = [str(COPY), str(ROOT / "tests/support")]
    os.environ["PYTHONPATH"] = str(COPY)
    for name in ("numpy", "ml_dtypes", "array_api_strict", "scipy.signal"):
        importlib.import_module(name)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seconds", type=float, default=600)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--list", action="store_true", help="of all, tell the number alone")
    args = parser.parse_args()
    every = [mutant for module in MODULES for mutant in mutants_of(module)]
    random.Random(args.seed).shuffle(every)  # noqa: S311  # no secret
    if args.list:
        print(len(every))
        return
    prepare()
    if not (_passes(QUICK) and _passes(TESTS)):
        sys.exit(f"the tests fail without a change: {LOG} says which")
    known = KNOWN.read_text("utf-8")
    end, tried, explained, living = time.monotonic() + args.seconds, 0, 0, []
    for mutant in every:
        if time.monotonic() > end:
            break
        tried += 1
        if tried % 10 == 0:
            print(f"{tried} tried", flush=True)
        if mutant.name in known:
            explained += 1
        elif lives(mutant):
            living.append(mutant)
            print(f"lives: {mutant.name} (line {mutant.line})", flush=True)
    killed = tried - explained - len(living)
    print(f"{tried} of {len(every)} tried: {killed} killed, {explained} explained, "
          f"{len(living)} live; {killed / max(1, tried - explained):.1%}")  # fmt: skip
    sys.exit(bool(living))


if __name__ == "__main__":
    main()
