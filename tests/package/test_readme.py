"""What the README prints, runs: its examples, its commands, its links, and in few words."""

import re
import shlex
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
README = (ROOT / "README.md").read_text("utf-8")
BLOCK = r"```python\n(.*?)```\n(?:\n```\n(.*?)```\n)?"
EXAMPLES = re.findall(BLOCK, README, re.DOTALL)
COMMANDS = re.findall(r"^(dxdw .*?)(?: *#.*)?$", README, re.MULTILINE)

MINE = """
import numpy as np
def conv2d_backward(grad_out, x, W):
    dx, dW = np.zeros(x.shape), np.zeros(W.shape)
    for o, i, j in np.ndindex(grad_out.shape):
        there = np.s_[:, i : i + W.shape[2], j : j + W.shape[3]]
        dW[o] += grad_out[o, i, j] * x[there]
        dx[there] += grad_out[o, i, j] * W[o, :, ::-1, ::-1]
    return dx, dW
"""


def test_it_is_short():
    assert len(README.split()) <= 900


@pytest.mark.parametrize(("code", "printed"), EXAMPLES)
def test_examples_print_what_stands_below(code, printed):
    if "import torch" in code:
        pytest.importorskip("torch")
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert done.stdout == printed


@pytest.mark.parametrize("command", COMMANDS)
def test_commands_run(command, tmp_path):
    from PIL import Image, ImageDraw

    (tmp_path / "mine.py").write_text(MINE)
    photo = Image.new("L", (40, 40), 255)
    ImageDraw.Draw(photo).line((20, 6, 20, 34), fill=0, width=5)
    photo.save(tmp_path / "photo.png")
    words = [sys.executable, "-m", *shlex.split(command)]
    done = subprocess.run(words, capture_output=True, text=True, cwd=tmp_path, check=False)
    assert done.returncode == (1 if " check " in command else 0), done.stderr
    if " check " in command:
        shown = README[README.index("conv2d_backward: wrong") :].partition("\n```")[0]
        assert done.stdout.startswith(shown)


def test_what_is_installed_is_there():
    extras = set(
        tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["optional-dependencies"]
    )
    named = re.findall(r'pip install "\.\[(.*?)\]"', README)
    assert named
    assert {extra for names in named for extra in names.split(",")} <= extras


def test_every_link_leads_somewhere():
    links = [link for link in re.findall(r"\]\((.*?)\)", README) if "://" not in link]
    assert len(links) > 20
    assert [link for link in links if not (ROOT / link.partition("#")[0]).exists()] == []
