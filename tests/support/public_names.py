"""The public names, by the page of the documentation that lists their modules."""

import importlib
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
            for name in importlib.import_module(module).__all__:
                yield f"{module}.{name}"
