"""The pages that errors and commands point to, and which of them an error of a bridge gets."""

import ast
import importlib
import sys
from pathlib import Path

import pytest

from dxdw.core.documentation import PAGES, more, pointing_to, refused
from dxdw.extras import MissingExtra

DOCS = Path(__file__).parents[2] / "docs"
BRIDGES = ("torch", "jax", "autograd", "scipy", "dask")


@pytest.mark.parametrize("room", PAGES)
def test_every_page_is_there_and_listed(room):
    page = DOCS / f"{PAGES[room]}.md"
    assert page.is_file()
    index = DOCS / "index.md" if page.parent == DOCS else page.parent / "index.md"
    assert page.stem in index.read_text("utf-8").splitlines()


def test_every_bridge_has_a_page():
    import dxdw.interop

    (folder,) = dxdw.interop.__path__
    bridges = {p.stem for p in Path(folder).iterdir() if "need(" in _source(p)}
    assert bridges == set(BRIDGES)
    assert bridges <= set(PAGES)


def _source(path):
    path = path / "__init__.py" if path.is_dir() else path
    return path.read_text("utf-8") if path.suffix == ".py" and path.is_file() else ""


def test_published_pages_are_named_by_their_address(monkeypatch):
    monkeypatch.setattr("dxdw.core.documentation.SITE", "https://dxdw.example/")
    assert more("torch") == "More about it: https://dxdw.example/howto/pytorch.html"
    (note,) = refused(ValueError, "no").__notes__
    assert note == "More about it: https://dxdw.example/reference/errors.html"


def test_a_bridges_page_stands_for_the_general_one():
    @pointing_to("scipy")
    def call(error):
        raise error

    for error in (refused(ValueError, "no"), TypeError("no")):
        with pytest.raises(type(error)) as caught, pointing_to("scipy"):
            call(error)
        assert caught.value is error
        assert error.__notes__ == [more("scipy")]


def test_notes_and_errors_of_others_are_left_alone():
    error = ValueError("no")
    error.add_note("somebody's own")
    with pytest.raises(ValueError, match="no"), pointing_to("jax"):
        raise error
    assert error.__notes__ == ["somebody's own", more("jax")]
    with pytest.raises(KeyboardInterrupt) as caught, pointing_to("jax"):
        raise KeyboardInterrupt
    assert not hasattr(caught.value, "__notes__")


@pytest.mark.parametrize("name", BRIDGES)
def test_a_bridge_to_what_is_not_installed_says_how_to_install_it(name, monkeypatch):
    bridge = f"dxdw.interop.{name}"
    for module in [m for m in sys.modules if m == bridge or m.startswith(f"{bridge}.")]:
        monkeypatch.delitem(sys.modules, module)
    monkeypatch.setattr("dxdw.extras.find_spec", lambda _: None)
    with pytest.raises(MissingExtra) as caught:
        importlib.import_module(bridge)
    assert str(caught.value) == (
        f'{bridge} needs {name}, not installed here: pip install "dxdw[{name}]"'
    )
    assert caught.value.__notes__ == [more(name)]


@pytest.mark.parametrize("name", BRIDGES)
def test_the_reference_has_every_public_function_of_a_bridge(name):
    import dxdw.interop

    (folder,) = dxdw.interop.__path__
    path = Path(folder) / name
    source = _source(path if path.is_dir() else path.with_suffix(".py"))
    (public,) = [
        ast.literal_eval(node.value)
        for node in ast.parse(source).body
        if isinstance(node, ast.Assign) and ast.unparse(node.targets[0]) == "__all__"
    ]
    assert public
    page = (DOCS / "reference" / "bridges.md").read_text("utf-8").split()
    assert [n for n in public if f"dxdw.interop.{name}.{n}" not in page] == []
