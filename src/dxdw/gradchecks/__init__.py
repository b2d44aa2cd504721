"""Checks of hand-written gradients and adjoints, of any function of NumPy arrays."""

from .adjoint import DotTest, dot_test
from .check import gradcheck
from .result import ArgumentCheck, ElementCheck, GradCheck

__all__ = ["ArgumentCheck", "DotTest", "ElementCheck", "GradCheck", "dot_test", "gradcheck"]
