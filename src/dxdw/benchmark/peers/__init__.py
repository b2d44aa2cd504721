"""What dxdw is timed against: each peer a module, all of them with the same three names."""

from contextlib import AbstractContextManager
from importlib import metadata
from importlib.util import find_spec
from typing import Protocol

from ..task import Task, Way
from . import jax_vjp, numpy_ways, torch_aten


class Peer(Protocol):
    """What each module has."""

    LIBRARY: str  # the name it is imported and installed by

    def prepare(self, task: Task) -> dict[str, Way]:
        """Its ways of doing a pass, operands converted and whatever is compiled compiled."""

    def limited(self, threads: int) -> AbstractContextManager[bool]:
        """Bounds its threads within a context; False where it can't have this number."""


# A way's name begins with its peer's: "torch NHWC".
PEERS: dict[str, Peer] = {"torch": torch_aten, "jax": jax_vjp, "numpy": numpy_ways}
TITLES = {"torch": "PyTorch", "jax": "JAX", "numpy": "NumPy"}


def installed(name: str) -> bool:
    """Whether a peer's library is there, without importing it."""
    try:
        return find_spec(PEERS[name].LIBRARY) is not None
    except ValueError:  # made unfindable in sys.modules
        return False


def version(library: str) -> str | None:
    """The version of an installed library, without importing it."""
    try:
        return metadata.version(library)
    except metadata.PackageNotFoundError:
        return None
