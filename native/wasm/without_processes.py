"""A plugin for pytest under Pyodide: a test that starts a process or a thread is skipped there."""

from collections.abc import Generator

import pytest

REFUSALS = ("does not support processes", "can't start new thread")


@pytest.hookimpl(wrapper=True)
def pytest_runtest_call() -> Generator[None]:
    """Turn what Pyodide says of processes and threads into the reason of a skip."""
    try:
        return (yield)
    except (OSError, RuntimeError) as error:
        if any(refusal in str(error) for refusal in REFUSALS):
            pytest.skip(f"needs more than a page has: {error}")
        raise
