"""What the page asks of Python: a function of this package by its address, in JSON and out."""

import json
from collections.abc import Callable
from importlib import import_module
from typing import Any

from ..diagnosis.report import plain


def call(address: str, arguments: str, tell: Callable[[str], None]) -> str:
    """Call `module:function` of this package with a JSON list of arguments.

    Args:
        address: as in "practice.running:run", the module below `dxdw`.
        arguments: the positional arguments. The string "tell" among them, by itself, stands for a
            function that hands an event on as JSON, before the call has ended.
        tell: is given these events.

    Returns:
        The result as JSON, of dicts, lists, arrays and dataclasses.

    Raises:
        ValueError: the address is none.
        Whatever the function raises.

    >>> call("convolution:conv2d", "[[[[1, 2]]], [[[[10]]]]]", print)
    '[[[10.0, 20.0]]]'
    """
    module, colon, name = address.partition(":")
    if not colon or not name.isidentifier() or not module.replace(".", "").isidentifier():
        raise ValueError(f"address is {address!r}: it must be module:function, as in lab.calls:call")
    function = getattr(import_module(f"dxdw.{module}"), name)

    def told(event: Any) -> None:
        tell(_json(event))

    values = [told if value == "tell" else value for value in json.loads(arguments)]
    return _json(function(*values))


def _json(value: Any) -> str:
    return json.dumps(plain(value), ensure_ascii=False, allow_nan=False)
