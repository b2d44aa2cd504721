"""The practice series: six problems, from a convolution to a small network, and who is right.

Each is a folder with its text, a starter, hints, a solution, typical wrong answers, what else can
be made wrong (slips.py), and five tests; `dxdw.diagnosis` asks the questions that come after these,
and names the mistake.
"""

from .problem import Problem, WrongAnswer
from .running import run
from .series import SERIES

__all__ = ["SERIES", "Problem", "WrongAnswer", "run"]
