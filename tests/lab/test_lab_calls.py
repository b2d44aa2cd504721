"""What the page asks of Python, as JSON."""

import json

import pytest

from dxdw.lab.calls import call
from dxdw.lab.printed import MOST, Printed
from dxdw.practice import SERIES


def test_arguments_by_position_and_by_name():
    x, W = [[[1, 2], [3, 4]]], [[[[1, 1]]]]
    assert json.loads(call("convolution:conv2d", json.dumps([x, W]), print, print)) == [
        [[3.0], [7.0]]
    ]
    named = json.dumps({"x": x, "W": W, "stride": 2})
    assert json.loads(call("convolution:conv2d", named, print, print)) == [[[3.0]]]


def test_events_come_before_the_result():
    told = []
    arguments = json.dumps({"number": "04", "code": SERIES["04"].solution})
    assert call("practice.running:run", arguments, told.append, print) == "null"
    assert json.loads(told[-1])["solved"]


def test_infinity_is_a_word():
    assert call("layers:relu", "[[1e999]]", print, print) == '["inf"]'


@pytest.mark.parametrize(
    "address", ["", "convolution", "os:", ":run", "../os:system", "a.:b", "a:b.c"]
)
def test_what_is_no_address(address):
    with pytest.raises(ValueError, match="it must be module:function"):
        call(address, "[]", print, print)


def test_what_the_function_raises_comes_through():
    with pytest.raises(ValueError, match="x has shape"):
        call("convolution:conv2d", "[[[1]], [[[[1]]]]]", print, print)


def test_what_is_printed_comes_in_batches_and_is_capped():
    sent = []
    stream = Printed(lambda text, dropped: sent.append((text, dropped)))
    print("begin", file=stream)
    for n in range(100_000):
        print(n, file=stream)
    stream.flush()
    whole = "begin\n" + "".join(f"{n}\n" for n in range(100_000))
    assert "".join(text for text, _ in sent) == whole[:MOST]
    assert sent[-1][1] == len(whole) - MOST
    assert len(sent) < 50
    count = len(sent)
    stream.flush()
    assert len(sent) == count


def test_a_call_sends_what_it_prints_also_where_it_fails():
    code = "print('at the top')\n\ndef relu(x):\n    print('inside')\n    raise KeyboardInterrupt\n"
    sent = []
    arguments = json.dumps({"number": "04", "code": code + "\ndef softmax(z):\n    return z\n"})
    with pytest.raises(KeyboardInterrupt):
        call("practice.running:run", arguments, lambda _: None, lambda *one: sent.append(one))
    assert "".join(text for text, _ in sent) == "at the top\ninside\n"
