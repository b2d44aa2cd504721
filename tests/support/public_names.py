"""The public names, by the page of the documentation that lists their modules."""

import ast
import re
from collections.abc import Iterator
from importlib.util import find_spec
from pathlib import Path

ROOT = Path(__file__).parents[2]
LIBRARIES = ("torch", "jax", "autograd", "scipy", "dask")


def public_modules() -> list[str]:
    """As the page has them."""
    page = (ROOT / "docs" / "reference" / "public.md").read_text("utf-8")
    modules = re.findall(r"^\| `(dxdw[\w.]*)` \|", page, re.MULTILINE)
    assert len(modules) == 10
    return modules


def public() -> Iterator[str]:
    """All of them but those of bridges to what is not installed here."""
    for module in public_modules():
        library = module.rpartition(".")[2]
        if library not in LIBRARIES or find_spec(library):
            for name in _names(module):
                yield f"{module}.{name}"


def _names(module: str) -> list[str]:
    """What its `__all__` lists, read and not imported: PyTorch takes seconds."""
    spec = find_spec(module)
    assert spec is not None
    assert spec.origin is not None
    for node in ast.parse(Path(spec.origin).read_text("utf-8")).body:
        match node:
            case ast.Assign(targets=[ast.Name(id="__all__")], value=value):
                return list(ast.literal_eval(value))
    raise AssertionError(f"{module} has no __all__")
