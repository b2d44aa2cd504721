"""What every test runs under: groups that need other libraries, NumPy's error state, hypothesis."""

import os
import signal
from collections.abc import Callable, Iterator, Sequence
from importlib.util import find_spec
from typing import Any

import hypothesis
import numpy as np
import pytest

# For each group that has a marker and a make target of its own: what it needs, all of it unless the
# marker names a part, as in `@pytest.mark.peers("torch")`.
GROUPS = {
    "peers": ("torch", "jax", "autograd", "pylops"),
    "dask": ("dask", "distributed", "zarr"),
}

FOUND = hypothesis.database.DirectoryBasedExampleDatabase(".hypothesis/examples")
left_out = dict.fromkeys(GROUPS, 0)

# How long an example takes says something of the machine, not of the code. The same examples are
# drawn every time, so that a red run is about the change it ran on; `make test-random` draws new
# ones, and what it finds is kept in .hypothesis, where it is tried again, until a test has it.
hypothesis.settings.register_profile(
    "fixed",
    deadline=None,
    derandomize=True,
    print_blob=True,
    suppress_health_check=[hypothesis.HealthCheck.too_slow],
)
hypothesis.settings.register_profile(
    "random", hypothesis.settings.get_profile("fixed"), derandomize=False, database=FOUND
)
hypothesis.settings.load_profile(os.environ.get("HYPOTHESIS_PROFILE", "fixed"))


@pytest.fixture(autouse=True, scope="session")
def untuned() -> Iterator[None]:
    """Whatever `dxdw tune` measured on a developer's machine is not for tests."""
    from dxdw.call import tuned

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(tuned, "file", lambda: None)
        tuned.read.cache_clear()
        yield


@pytest.fixture(autouse=True, scope="session")
def interruptible() -> None:
    """Ctrl-C has its usual meaning for tests that send it, also where a shell started them with &.

    A shell without job control has processes in the background ignore it.
    """
    if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
        signal.signal(signal.SIGINT, signal.default_int_handler)


def pytest_collection_modifyitems(items: Sequence[pytest.Item]) -> None:
    """Skip what needs a library that is not installed, and say which and what brings it."""
    for item in items:
        for group, libraries in GROUPS.items():
            for marker in item.iter_markers(group):
                missing = [name for name in marker.args or libraries if find_spec(name) is None]
                if missing:
                    reason = f"needs {' and '.join(missing)}: `make test-{group}` installs and runs"
                    item.add_marker(pytest.mark.skip(reason=reason))


def pytest_deselected(items: Sequence[pytest.Item]) -> None:
    """Count the tests of each group that -m left out."""
    for group in GROUPS:
        left_out[group] += sum(item.get_closest_marker(group) is not None for item in items)


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Say what was left out, and how to run it."""
    for group, libraries in GROUPS.items():
        if left_out[group]:
            terminalreporter.write_line(
                f"{left_out[group]} tests of the group {group!r} were left out, which need "
                f"{', '.join(libraries)}: make test-{group}"
            )


@pytest.fixture(autouse=True)
def numpy_error_state() -> Iterator[None]:
    """Start from NumPy's own error state, whose warnings pytest turns into errors, and keep it.

    A function that changed it would silence the warnings of its callers for good.
    """
    with np.errstate(divide="warn", over="warn", under="ignore", invalid="warn"):
        before = np.geterr()
        yield
        assert np.geterr() == before, "the code under test changed NumPy's error state"


@pytest.fixture(autouse=True)
def no_block_is_left() -> Iterator[None]:
    """All blocks of the kernels' memory, and all jobs, come back: counted in a build for tests."""
    if "DXDW_LIBRARY" not in os.environ:
        yield
        return
    from dxdw.engines import native_library

    count = getattr(native_library.load(), "dxdw_live_blocks", lambda: 0)
    before = count()
    yield
    assert count() == before, "blocks of memory that the code under test took are still out"


@pytest.fixture(scope="module")
def one_thread() -> Iterator[None]:
    """PyTorch on one thread, which is all that tiny tensors keep busy.

    Its others spin after each loop: beside other programs checks took up to 30 times as long.
    """
    import torch

    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


@pytest.fixture
def without_kernels() -> Iterator[None]:
    """The engines in Python alone, as where no compiler was."""
    from calls import no_kernels

    with no_kernels():
        yield


@pytest.fixture
def ran(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The names of the engines that computed a result, in the order in which they did."""
    from dxdw.call import known, plan
    from dxdw.call.plan import engines

    known.forget()
    plan.prepared.cache_clear()
    monkeypatch.setattr(known, "_steps", lambda *_: ((), False))  # these are no engine's run

    names: list[str] = []

    def spy(name: str, original: Callable[..., Any]) -> Callable[..., Any]:
        def run(*args: Any) -> Any:
            result = original(*args)
            if result is not None:
                names.append(name)
            return result

        return run

    for name, engine in engines().items():
        monkeypatch.setattr(engine, "run", spy(name, engine.run))
    return names
