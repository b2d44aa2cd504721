"""The kernel that docs/development.md adds: from the page's own code, in a copy of the sources."""

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from dxdw.engines import native_library

ROOT = Path(__file__).parents[2]
PAGE = ROOT / "docs" / "development.md"

pytestmark = [
    pytest.mark.install,
    pytest.mark.skipif(native_library.load() is None, reason="needs what compiles the kernels"),
    pytest.mark.skipif(not PAGE.exists(), reason="needs the sources"),
]

TRIED = """
import numpy as np
from dxdw import conv2d, conv2d_backward, explain

x = np.arange(2 * 6 * 5 * 7.0).reshape(2, 6, 5, 7)
W = np.arange(1.0, 7).reshape(6, 1, 1, 1)
shapes = (x.shape, W.shape)
for kind, engine in (("forward", "scale"), ("dx", "scale"), ("dW", "direct")):
    assert explain(kind, *shapes, groups=6).engine == engine, kind
declined = {v.engine: v.declined for v in explain("forward", *shapes, 1, groups=6).verdicts}
assert declined["scale"] == "takes neither padding nor strides", declined
assert np.array_equal(conv2d(x, W, groups=6, engine="scale"), x * W.reshape(1, 6, 1, 1))
for _ in range(2):  # by the long way and by the short one
    dx, dW = conv2d_backward(x, x, W, groups=6)
    assert np.array_equal(dx, x * W.reshape(1, 6, 1, 1))
    assert np.array_equal(dW.ravel(), (x * x).sum((0, 2, 3)))
last = np.moveaxis(np.ascontiguousarray(np.moveaxis(x, 1, -1)), -1, 1)
assert np.array_equal(conv2d(last, W, groups=6), x * W.reshape(1, 6, 1, 1))
"""


def code(caption: str) -> str:
    """The page's block of that caption."""
    found = re.search(
        rf"```{{code-block}} cpp\n:caption: {caption}\n\n(.*?)```", PAGE.read_text(), re.DOTALL
    )
    assert found, caption
    return found[1]


def test_the_kernel_of_the_page_is_a_file_and_a_row(tmp_path):
    sources, build = tmp_path / "native", tmp_path / "build"
    shutil.copytree(ROOT / "native", sources, ignore=shutil.ignore_patterns("wasm", "tests"))
    (sources / "kernels" / "scale.h").write_text(code("native/kernels/scale.h"))
    table = sources / "api" / "kernels.cpp"
    text = table.read_text()
    after, before = '#include "kernels/direct.h"\n', '    {"depthwise"'
    assert text.count(after) == text.count(before) == 1
    text = text.replace(after, after + '#include "kernels/scale.h"\n')
    table.write_text(text.replace(before, code("native/api/kernels.cpp") + before))

    # Quickly compiled: it is tried, not timed.
    command = ["cmake", "-S", sources, "-B", build, "-G", "Ninja", "-DCMAKE_BUILD_TYPE=Debug"]
    scripts = Path(sys.executable).parent
    env = os.environ | {"PATH": f"{scripts}{os.pathsep}{os.environ['PATH']}"}
    subprocess.run(command, check=True, env=env, capture_output=True)
    subprocess.run(["cmake", "--build", build], check=True, env=env, capture_output=True)
    library = build / native_library.LIBRARIES.get(sys.platform, "libdxdw.so")
    env["DXDW_LIBRARY"] = str(library)
    subprocess.run([sys.executable, "-c", TRIED], check=True, env=env)
