"""Whether a function that does not fit takes or returns arrays of another form than was said."""

from dataclasses import replace
from itertools import product

from .calls import call
from .contract import RETURNS, Contract
from .forms import Function, Unfit, adapted
from .problem import probes

_PROBES = 2  # that have to fit


def other_form(fn: Function, contract: Contract) -> str:
    """The options with which its arrays have the right shapes, in words; "" where none do."""
    best: tuple[int, str] = (0, "")
    for batch, last, bias in product((False, True), repeat=3):
        form = _form(contract, batch, last, bias)
        if form == contract:
            continue
        if right := _fitting(fn, form):
            best = max(best, (right, _said(contract, form)))
    return best[1]


def _form(contract: Contract, batch: bool, last: bool, bias: bool) -> Contract:
    returns = RETURNS if bias else RETURNS[:2]
    same = set(returns) == set(contract.returns)
    names = contract.returns if same else returns
    return replace(contract, batch=batch, channels_last=last, returns=names)


def _fitting(fn: Function, form: Contract) -> int:
    """1 where the shapes fit, 2 where the numbers are right too; 0 where they don't fit."""
    try:
        called = adapted(fn, form)
    except Unfit:
        return 0
    right = True
    for problem in probes(form.geometry, form.batch)[:_PROBES]:
        answer = call(called, form, problem)
        if not answer.usable or answer.absent:
            return 0
        for name, got in zip(form.returns, answer.results, strict=True):
            expected = problem.expected[name]
            if not form.fits(name, got, expected):
                return 0
            difference = abs(form.inward(name, got) - expected).max(initial=0.0)
            right &= bool(difference <= problem.tolerance(name, 1e-7))
    return 1 + right


def _said(contract: Contract, form: Contract) -> str:
    """As in `diagnose`, and as in the shell."""
    said, flags = [], []
    for name, flag, now, then in (
        ("batch", "--batch", contract.batch, form.batch),
        ("channels_last", "--channels-last", contract.channels_last, form.channels_last),
        ("bias", "--bias", "db" in contract.returns, "db" in form.returns),
    ):
        if now != then:
            said.append(f"{name}={then}")
            flags.append(flag if then else f"no {flag}")
    return f"its arrays have another form: say {', '.join(said)} (in the shell: {' '.join(flags)})"
