"""Large results in pages of 2 MB, so that the operating system has fewer of them to bring.

What is larger than 32 MB glibc takes from Linux anew each time, which clears 4 kB at a time when
they are first written: of 34 MB that takes 12 ms, in large pages 1.5 (a Zen 5). NumPy asks for
these for its own arrays, PyTorch does not.
"""

import sys
from collections.abc import Callable
from ctypes import CDLL, c_int, c_size_t, c_void_p

from torch import Tensor

LARGE = 32 << 20  # bytes: M_MMAP_THRESHOLD's most on 64 bits
_PAGE, _HUGEPAGE = 4096, 14  # MADV_HUGEPAGE


def _advice() -> Callable[[int, int, int], int] | None:
    if sys.platform != "linux":
        return None
    try:
        madvise = CDLL(None).madvise
    except (OSError, AttributeError):
        return None
    madvise.argtypes, madvise.restype = (c_void_p, c_size_t, c_int), c_int
    return madvise


_madvise = _advice()


def ask_for_large_pages(a: Tensor) -> None:
    """For the memory of a tensor that is not yet written, where the system has them."""
    if _madvise is not None:
        first = -(-a.data_ptr() // _PAGE) * _PAGE
        end = (a.data_ptr() + a.nbytes) // _PAGE * _PAGE
        if first < end:
            _madvise(first, end - first, _HUGEPAGE)  # no harm where it is refused
