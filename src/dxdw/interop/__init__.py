"""Bridges to other libraries, each imported by its own name and installed by its own extra."""

from importlib import import_module

from ..core.forks import whole

_BRIDGES = ("autograd", "dask", "jax", "scipy", "torch")


def __getattr__(name: str) -> object:
    """A bridge that is written out, as in dxdw.interop.torch.accelerate: nobody imported it."""
    if name in _BRIDGES:
        with whole():
            return import_module(f".{name}", __name__)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
