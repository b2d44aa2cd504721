"""What a release needs to be one: versions that agree, and workflows that are pinned."""

import re
import shutil
import subprocess
import sys
import tomllib
from itertools import chain
from pathlib import Path

import pytest

import dxdw

ROOT = Path(__file__).parents[2]
FILES = (".ci/version", "CITATION.cff", "CHANGELOG.md", "conda/recipe.yaml", "lab/pyproject.toml",
         "pyproject.toml", "src/dxdw/__init__.py")  # fmt: skip


@pytest.fixture
def released(tmp_path):
    """A copy of what tells the version, its changelog with today's as a release."""
    for file in FILES:
        (tmp_path / file).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(ROOT / file, tmp_path / file)
    log = tmp_path / "CHANGELOG.md"
    log.write_text(log.read_text("utf-8") + f"\n## [{dxdw.__version__}] - 2026-12-01\n", "utf-8")
    return tmp_path


def checked(folder, tag):
    command = [folder / ".ci" / "version", tag]
    return subprocess.run(command, capture_output=True, text=True, check=False)


@pytest.mark.skipif(shutil.which("bash") is None, reason="needs bash")
def test_a_tag_has_to_be_the_version_that_every_file_has(released):
    tag = f"v{dxdw.__version__}"
    assert checked(released, tag).returncode == 0
    assert "the tag is v9" in checked(released, "v9").stderr
    for file, told in [
        ("CITATION.cff", "CITATION.cff has another version"),
        ("conda/recipe.yaml", "conda/recipe.yaml has another version"),
        ("lab/pyproject.toml", "lab/pyproject.toml has another version"),
        ("pyproject.toml", "the extra lab has another version"),
        ("CHANGELOG.md", "CHANGELOG.md has nothing under"),
    ]:
        path = released / file
        text = path.read_text("utf-8")
        path.write_text(text.replace(dxdw.__version__, "0.0.7"), "utf-8")
        assert told in checked(released, tag).stderr
        path.write_text(text, "utf-8")


@pytest.mark.parametrize("path", sorted((ROOT / ".github" / "workflows").glob("*.yml")), ids=str)
def test_actions_are_pinned_with_their_version(path):
    for line in re.findall(r"uses: .*", path.read_text("utf-8")):
        assert re.fullmatch(r"uses: ([\w/-]+@[0-9a-f]{40} # v[\d.]+|\$/\.github/.*)", line)


def test_hooks_have_the_versions_of_make_lint():
    pinned = dict(re.findall(r'"([\w-]+)~=([\d.]+)"', (ROOT / "pyproject.toml").read_text("utf-8")))
    hooks = (ROOT / ".pre-commit-config.yaml").read_text("utf-8")
    found = dict(re.findall(r"/(?:mirrors-)?([a-z]+)(?:-pre-commit)?\n    rev: v([\d.]+)", hooks))
    assert len(found) == 5
    assert {name: pinned[name] for name in found} == found


def test_every_python_that_is_promised_is_tried():
    promised = re.findall(r'Python :: (3\.\d+)"', (ROOT / "pyproject.toml").read_text("utf-8"))
    workflow = (ROOT / ".github/workflows/ci.yml").read_text("utf-8")
    (tried,) = re.findall(r"        python: \[(.*)\]", workflow)
    assert promised == tried.replace('"', "").split(", ")


def test_the_lowest_versions_are_those_that_are_declared():
    told = subprocess.run(
        [sys.executable, ROOT / ".ci" / "floors"], capture_output=True, text=True, check=True
    ).stdout.split()
    declared = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"]
    every = [*declared["dependencies"], *chain(*declared["optional-dependencies"].values())]
    lowest = [one.replace(">=", "==").replace("[array]", "") for one in every if ">=" in one]
    assert {"numpy==2.0", "rich==14.3"} <= set(lowest) <= set(told)
