"""The kernels of another processor, under an emulator, in the place of this one's."""

import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from unittest.mock import patch

import numpy as np

from dxdw.engines import native
from dxdw.engines.native_plan import native_plan


@contextmanager
def kernels_of(*emulator: str, program: Path) -> Iterator[None]:
    """Every compiled kernel runs in that program (kernel_server.cpp) meanwhile."""
    server = subprocess.Popen(
        [*emulator, program], stdin=subprocess.PIPE, stdout=subprocess.PIPE, bufsize=0
    )
    send, receive = server.stdin, server.stdout
    assert send
    assert receive

    def numbers(*values: int) -> bytes:
        return np.array(values, np.int64).tobytes()

    def read(size: int) -> bytes:
        got = b""
        while len(got) < size:
            got += receive.read(size - len(got))
        return got

    def asked(way: int, kernel: native.Kernel, problem: Any) -> bytes:
        words = native_plan(problem)
        return numbers(way, kernel.index, words.size) + words.tobytes()

    def declines(self: native.Kernel, problem: Any) -> str | None:
        send.write(asked(0, self, problem))
        return None if read(8) != numbers(0) else "not there"

    def run(self: native.Kernel, problem: Any, *operands: Any) -> Any:
        stored = operands[0].dtype if problem.is_stored(problem.kind) else problem.dtype
        result = np.empty(problem.result_shape, stored)
        sizes = [a.nbytes for a in (*operands, result)]
        head = numbers(problem.how.threads or 3, *sizes)
        body = b"".join(np.ascontiguousarray(a).tobytes() for a in operands)
        send.write(asked(1, self, problem) + head + body)
        assert read(8) == numbers(native.DONE)
        result.view(np.uint8).reshape(-1)[:] = np.frombuffer(read(result.nbytes), np.uint8)
        return result

    own = patch.multiple(native.Kernel, declines=declines, run=run, workspace=lambda *_: 0)
    with own, patch.multiple(native.Kernel, least_workspace=lambda *_: 0):
        yield
    send.close()
    server.wait()
