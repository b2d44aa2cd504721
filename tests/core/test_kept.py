"""A value that is computed once, and a fork while another thread computes it."""

import os
import subprocess
import sys

import pytest

from dxdw.core.kept import kept


class Side:
    def __init__(self, length):
        self.length, self.computed = length, 0

    @kept
    def area(self):
        """Of the square."""
        self.computed += 1
        return self.length**2


def test_it_is_computed_once_for_each_instance():
    one, other = Side(2), Side(3)
    assert (one.area, one.area, other.area, one.computed) == (4, 4, 9, 1)
    assert Side.area.__doc__ == "Of the square."


FORKED_MEANWHILE = """
import os, signal, sys, threading
from dxdw.core.kept import kept

begun, over = threading.Event(), threading.Event()

class Slow:
    def __init__(self, waits):
        self.waits = waits

    @kept
    def value(self):
        if self.waits:
            begun.set()
            over.wait(30)
        return 7

first = threading.Thread(target=lambda: Slow(True).value)
first.start()
begun.wait()
child = os.fork()
if child == 0:
    signal.alarm(20)
    os._exit(Slow(False).value)
over.set()
first.join()
sys.exit(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) != 7)
"""


@pytest.mark.skipif(not hasattr(os, "fork"), reason="needs os.fork")
def test_a_child_forked_meanwhile_computes_its_own():
    command = [sys.executable, "-W", "ignore", "-c", FORKED_MEANWHILE]
    assert subprocess.run(command, check=False, timeout=60).returncode == 0
