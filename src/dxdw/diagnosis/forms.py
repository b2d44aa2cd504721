"""How a function wants to be called: other names and orders, `pad`, `conv_param`, a cache.

What can be guessed is guessed; for the rest a wrapper is suggested that can be pasted.
"""

import ast
import inspect
import textwrap
from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

import numpy as np

from ..core.arrays import Array
from .causes import listed
from .contract import Contract
from .problem import PLAIN

Function = Callable[..., Any]
_NAMES = {  # in small letters
    "grad_out": "grad_out dout dz dy d g grad grads grad_output output_grad grad_outputs gradient "
    "d_out d_y dl dldout dl_dout dl_do dl_dy dloss delta error err upstream dh dnext gy out_grad",
    "x": "x a a_prev aprev input inputs inp image images img x_in",
    "W": "w weight weights kernel kernels filter filters f k",
    "b": "b bias biases",
    "stride": "stride strides s",
    "padding": "padding pad pads p",
    "dilation": "dilation dilations",
    "groups": "groups",
    "parameters": "conv_param conv_params hparameters hparams hparam params param parameters",
}
_KNOWN = {name: what for what, names in _NAMES.items() for name in names.split()}
_OPERANDS = ("grad_out", "x", "W")
_POSITIONAL = (inspect.Parameter.POSITIONAL_ONLY, inspect.Parameter.POSITIONAL_OR_KEYWORD)


class Unfit(Exception):
    """The function can't be called with (grad_out, x, W); the message says how it could be."""


class _Signature(NamedTuple):
    text: str
    positional: list[inspect.Parameter]
    named: dict[str, inspect.Parameter]  # what can be given by name
    any_name: bool
    only_named: list[str]  # what must be given by name


def adapted(fn: Function, contract: Contract) -> Function:
    """The function as one of (grad_out, x, W).

    Raises:
        Unfit: it takes other arguments, and which is which can't be told.
    """
    if not hasattr(fn, "__call__"):  # noqa: B004 - mypy takes callable() for granted
        kind = f"of type {type(fn).__name__}"
        kind = kind.replace("of type NoneType", "None: is a return missing?")
        raise Unfit(f"it is no function but {kind}")
    signature = _signature(fn)
    options = _options(contract)
    if signature is None:  # some compiled functions have none
        return lambda *arrays: fn(*arrays, **options)
    required = [p for p in signature.positional if p.default is p.empty]
    by_name = [n for n in signature.only_named if _KNOWN.get(n.lower()) in _OPERANDS]
    names = [p.name for p in signature.positional]
    if len(required) == 2 and len(names) == 2 and _is(names[0], "grad_out") and not by_name:
        return _with_cache(fn, names[1], signature, contract)
    names += by_name
    order = _order(names)
    given = _given(signature, names, contract)
    count = len(_OPERANDS) - len(by_name)  # of those by position
    try:
        dummies = dict.fromkeys(given.named) | dict.fromkeys(options if signature.any_name else ())
        inspect.signature(fn).bind(*"GxW"[:count], **dict.fromkeys(by_name), **dummies)
    except TypeError as error:
        raise Unfit(_suggestion(fn, signature, str(error))) from None

    def called(*arrays: Array) -> Any:
        more = given.of(arrays[2].shape[-1 if contract.channels_last else 0])
        if signature.any_name:
            more = {**options, **more}
        ordered = [arrays[k] for k in order]
        more |= dict(zip(by_name, ordered[count:], strict=True))
        return fn(*ordered[:count], **more)

    return called


def _is(name: str, what: str) -> bool:
    return _KNOWN.get(name.lower()) == what


def _signature(fn: Function) -> _Signature | None:
    try:
        signature = inspect.signature(fn)
    except (TypeError, ValueError):
        return None
    parameters = signature.parameters.values()
    named = {p.name: p for p in parameters if p.kind in (_POSITIONAL[1], p.KEYWORD_ONLY)}
    any_name = any(p.kind is p.VAR_KEYWORD for p in parameters)
    positional = [p for p in parameters if p.kind in _POSITIONAL]
    only = [p.name for p in parameters if p.kind is p.KEYWORD_ONLY and p.default is p.empty]
    return _Signature(str(signature), positional, named, any_name, only)


def _order(names: list[str]) -> tuple[int, ...]:
    """Which of grad_out, x and W is the first argument, the second, the third."""
    found = [what if (what := _KNOWN.get(name.lower())) in _OPERANDS else "" for name in names[:3]]
    rest = set(_OPERANDS) - set(found)
    if len(found) < 3 or len(rest) != found.count("") or len(rest) > 1:
        return 0, 1, 2
    return tuple(_OPERANDS.index(what or rest.pop()) for what in found)


class _Given(NamedTuple):
    """What is given by name: options, and the parameters that are to hold zeros for a bias."""

    named: dict[str, Any]
    biases: tuple[str, ...]

    def of(self, C_out: int) -> dict[str, Any]:
        """For one call: a bias has an entry for each kernel."""
        return {**self.named, **{name: np.zeros(C_out) for name in self.biases}}


def _given(signature: _Signature, names: list[str], contract: Contract) -> _Given:
    options = _options(contract)
    found: dict[str, Any] = {}
    biases = []
    for name, parameter in signature.named.items():
        if name in names[:3]:
            continue
        what = _KNOWN.get(name.lower())
        if what == "b" and parameter.default is parameter.empty:
            biases.append(name)
            found[name] = None
        elif what == "parameters" and (options or parameter.default is parameter.empty):
            found[name] = _parameters(contract)
        elif what in options:
            found[name] = options[what]
        elif what in PLAIN._fields and parameter.default is parameter.empty:
            found[name] = _plain(getattr(contract.geometry, what))
    return _Given(found, tuple(biases))


def _plain(value: Any) -> Any:
    return value[0] if isinstance(value, tuple) and value[0] == value[1] else value


def _options(contract: Contract) -> dict[str, Any]:
    """The geometry by name, as far as it is not the plain one."""
    return {
        name: _plain(value)
        for name, value in contract.geometry._asdict().items()
        if value != getattr(PLAIN, name)
    }


def _parameters(contract: Contract) -> dict[str, Any]:
    """As CS231n and Coursera have it."""
    g = contract.geometry
    return {"stride": _plain(g.stride), "pad": _plain(g.padding), "padding": _plain(g.padding)}


# --- (dout, cache) --------------------------------------------------------------------------------


def _with_cache(fn: Function, cache: str, signature: _Signature, contract: Contract) -> Function:
    """A cache whose parts have names that are known, in the line that takes it apart."""
    parts = _unpacked(fn, cache)
    known = {name: _KNOWN.get(name.lower()) for name in parts}
    if not parts or any(what is None or (len(n) == 1 and n in "ps") for n, what in known.items()):
        raise Unfit(_suggestion(fn, signature, ""))

    def called(*arrays: Array) -> Any:
        grad_out, x, W = arrays
        values: Mapping[str, Any] = {
            "x": x, "W": W, "b": np.zeros(W.shape[-1] if contract.channels_last else len(W)),
            "grad_out": grad_out, "parameters": _parameters(contract),
            **{name: _plain(value) for name, value in contract.geometry._asdict().items()},
        }  # fmt: skip
        return fn(grad_out, tuple(values[str(what)] for what in known.values()))

    return called


def _unpacked(fn: Function, name: str) -> list[str]:
    """The names that a parameter is taken apart into: `x, w, b, conv_param = cache`."""
    try:
        tree = ast.parse(textwrap.dedent(inspect.getsource(fn)))
    except (OSError, TypeError, SyntaxError):
        return []
    for node in ast.walk(tree):
        if not isinstance(node, ast.Assign) or not isinstance(node.targets[0], ast.Tuple):
            continue
        parts = node.targets[0].elts
        if isinstance(node.value, ast.Name) and node.value.id == name:
            return [part.id for part in parts if isinstance(part, ast.Name)]
    return []


def _suggestion(fn: Function, signature: _Signature, error: str) -> str:
    """What it takes, and a line to paste that makes it take (grad_out, x, W)."""
    name = getattr(fn, "__name__", "")
    names = [p.name for p in signature.positional if p.default is p.empty]
    told = f"it takes {signature.text}, and not (grad_out, x, W)"
    told += f": {error}" if error and not names else ""
    if not any(_is(part, "grad_out") for part in names) or not name.isidentifier():
        return told
    unknown: list[str] = []
    inner = ", ".join(
        [_argument(fn, part, unknown) for part in names]
        + [f"{part}={_argument(fn, part, unknown)}" for part in signature.only_named]
    )
    if len(names) == 1 and (whole := _stateful(fn)):
        return f"{told}; check a function that does all of it:\n{whole}"
    line = f"conv2d_backward = lambda grad_out, x, W: {name}({inner})"
    own = f", with what your forward keeps for {listed(unknown)}" if unknown else ""
    return f"{told}; check  {line}  in its place{own}"


def _argument(fn: Function, name: str, unknown: list[str]) -> str:
    """What to write for a parameter; its own name where that can't be known, which is noted."""
    what = _KNOWN.get(name.lower())
    texts = {"b": "np.zeros(len(W))", "stride": "1", "padding": "0", "dilation": "1", "groups": "1",
             "parameters": '{"stride": 1, "pad": 0}'}  # fmt: skip
    if what in _OPERANDS:
        return str(what)
    if what is not None:
        return texts[what]
    parts = _unpacked(fn, name)
    if not parts and "cache" in name.lower():
        return "(x, W)"
    if not parts:
        unknown.append(name)
        return name
    letters = [p for p in parts if p in ("p", "s")]  # of padding and stride, or of something else
    unknown += letters
    return f"({', '.join(p if p in letters else _argument(fn, p, unknown) for p in parts)})"


def _stateful(fn: Function) -> str:
    """Of a method that keeps x and W in its object: forward first, then backward."""
    owner = getattr(fn, "__self__", None)
    if owner is None:
        return ""
    kind = type(owner).__name__
    return (
        "    def conv2d_backward(grad_out, x, W):\n"
        f"        layer = {kind}(W, np.zeros(len(W)))  # as you make one\n"
        "        layer.forward(x)\n"
        f"        dx = layer.{fn.__name__}(grad_out)\n"
        "        return dx, layer.dW"
    )
