"""What the page asks of Python: a function of this package by its address, in JSON and out."""

import json
from collections.abc import Callable
from contextlib import redirect_stderr, redirect_stdout
from importlib import import_module
from inspect import signature
from typing import Any

from ..diagnosis.report import plain
from .printed import Printed


def call(
    address: str,
    arguments: str,
    tell: Callable[[str], object],
    printed: Callable[[str, int], object],
) -> str:
    """Call `module:function` of this package.

    Args:
        address: as in "practice.running:run", the module below `dxdw`.
        arguments: JSON, a list of positional arguments or an object of named ones.
        tell: a function with a parameter of this name is given it, to hand on what JSON can hold
            before the call has ended; here it comes as JSON.
        printed: is given what the function prints, as `Printed` sends it.

    Returns:
        The result as JSON, of dicts, lists, arrays and dataclasses.

    Raises:
        ValueError: the address is none.
        Whatever the function raises.

    >>> call("convolution:conv2d", "[[[[1, 2]]], [[[[10]]]]]", print, print)
    '[[[10.0, 20.0]]]'
    """
    module, _, name = address.partition(":")
    if not name.isidentifier() or not all(part.isidentifier() for part in module.split(".")):
        raise ValueError(
            f"address is {address!r}: it must be module:function, as in lab.calls:call"
        )
    function = getattr(import_module(f"dxdw.{module}"), name)
    given = json.loads(arguments)
    positional, named = (given, {}) if isinstance(given, list) else ((), given)
    if "tell" in signature(function).parameters:
        named = {**named, "tell": lambda event: tell(_json(event))}
    stream = Printed(printed)
    try:
        with redirect_stdout(stream), redirect_stderr(stream):
            return _json(function(*positional, **named))
    finally:
        stream.flush()


def _json(value: Any) -> str:
    return json.dumps(plain(value), ensure_ascii=False, allow_nan=False)
