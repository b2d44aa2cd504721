"""Docstrings of all that is public: numpydoc's sections, and examples that run."""

import doctest
import importlib
from functools import cache
from importlib.util import find_spec

import pytest
from public_names import public

# What numpydoc would have, and is not our form. A summary stands beside its quotes, and names what
# comes of it; descriptions may begin with a formula; a name under See Also says what it is.
OTHER_FORM = {"ES01", "GL01", "GL02", "GL03", "PR08", "SA04", "SS02", "SS05", "SS06"}


def found(name):
    module, _, last = name.rpartition(".")
    return getattr(importlib.import_module(module), last)


NAMES = [
    name
    for name in public()
    if not name.startswith("dxdw.typing.")  # types alone: their module says what they are
    and not name.rpartition(".")[2].isupper()  # constants
]


@pytest.mark.skipif(find_spec("numpydoc") is None, reason="needs numpydoc: make lint")
@pytest.mark.parametrize("name", NAMES)
def test_sections(name):
    from numpydoc.validate import validate

    assert [error for error in validate(name)["errors"] if error[0] not in OTHER_FORM] == []


@cache
def tried(module):
    results = {}
    for test in doctest.DocTestFinder(exclude_empty=False).find(module):
        results[test.name] = doctest.DocTestRunner().run(test)
    return results


@pytest.mark.parametrize("name", NAMES)
def test_examples(name):
    thing = found(name)
    module = importlib.import_module(thing.__module__)
    result = tried(module)[f"{thing.__module__}.{thing.__qualname__}"]
    assert result.attempted
    assert not result.failed
