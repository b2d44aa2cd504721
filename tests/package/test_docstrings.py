"""Docstrings of all that is public: numpydoc's sections, and examples that run."""

import doctest
import importlib
from functools import cache
from importlib.util import find_spec
from pkgutil import walk_packages

import pytest
from public_names import public

import dxdw.diagnosis
import dxdw.lab
import dxdw.practice

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


@pytest.mark.parametrize("package", [dxdw.diagnosis, dxdw.lab, dxdw.practice])
def test_examples_of_what_the_page_and_the_checker_call(package):
    names = [module.name for module in walk_packages(package.__path__, f"{package.__name__}.")]
    results = {name: tried(importlib.import_module(name)) for name in names}
    examples = {name: r for found in results.values() for name, r in found.items() if r.attempted}
    assert examples
    assert not {name: result for name, result in examples.items() if result.failed}
