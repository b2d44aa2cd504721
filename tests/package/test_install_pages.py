"""Pages of bridges, and the README, run in environments that their own install lines made."""

import os
import re
import shlex
import subprocess
import sys
import venv
from pathlib import Path

import pytest
from test_install_wheel import build, pip, run

pytestmark = pytest.mark.install

ROOT = Path(__file__).parents[2]
PAGES = ("scipy", "autograd", "jax", "dask", "pytorch")
# PyTorch as the package index has it brings gigabytes of CUDA libraries.
LIGHT = {"pytorch": ["torch==2.13.0"]}
CELL = r"```\{code-cell\} python\n(.*?)```"


@pytest.fixture(scope="module")
def wheel(tmp_path_factory):
    return build(tmp_path_factory.mktemp("wheel"), DXDW_NATIVE=os.environ.get("DXDW_NATIVE", ""))


def fresh(folder):
    venv.create(folder, with_pip=True)
    return folder / ("Scripts" if sys.platform == "win32" else "bin") / "python"


@pytest.mark.parametrize("page", PAGES)
def test_a_page_runs_after_its_install_line(page, wheel, tmp_path):
    text = (ROOT / "docs" / "howto" / f"{page}.md").read_text("utf-8")
    (line,) = re.findall(r"^ *pip install (.*)$", text, re.MULTILINE)
    python = fresh(tmp_path / "env")
    wanted = [word.replace("dxdw", str(wheel), 1) for word in shlex.split(line)]
    pip("install", "--quiet", *LIGHT.get(page, []), *wanted, python=python)
    code = "\n".join(re.findall(CELL, text, re.DOTALL))
    assert code
    (tmp_path / "page.py").write_text(f"if __name__ == '__main__':\n{_indented(code)}")
    done = run(python, tmp_path / "page.py", check=False, cwd=tmp_path, MPLBACKEND="agg")
    assert done.returncode == 0, done.stdout


def _indented(code: str) -> str:
    """Processes that a page starts import the program: what is in it must not run again."""
    tags = (line for line in code.splitlines() if not line.startswith(":tags:"))
    return "\n".join(f"    {line}" if line else "" for line in tags)


def test_the_readme_runs_after_its_install_line(wheel, tmp_path):
    readme = (ROOT / "README.md").read_text("utf-8")
    python = fresh(tmp_path / "env")
    pip("install", "--quiet", f"{wheel}[train]", python=python)
    for code in re.findall(r"```python\n(.*?)```", readme, re.DOTALL):
        if "import torch" not in code:
            run(python, "-c", code, cwd=tmp_path)
    command = [python, "-m", "dxdw", "train", "--epochs", "1"]
    subprocess.run(list(map(str, command)), check=True, cwd=tmp_path, capture_output=True)
