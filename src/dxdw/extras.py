"""Libraries that only a part of the package needs, and that an extra installs."""

from importlib.util import find_spec

from .core.documentation import PAGES, more


class MissingExtra(ImportError):
    """A library that is not installed. The message says what needs it, and what installs it."""


def need(extra: str, user: str, *modules: str) -> None:
    """Refuse at the start, before any work is lost, what could not be brought to its end.

    Raises:
        MissingExtra: one of the modules can't be found.
    """
    missing = [module for module in modules if find_spec(module) is None]
    if missing:
        refused = MissingExtra(
            f'{user} needs {" and ".join(missing)}, not installed here: pip install "dxdw[{extra}]"'
        )
        if extra in PAGES:
            refused.add_note(more(extra))
        raise refused
