"""What the page asks of Python, as JSON."""

import json

import pytest

from dxdw.lab.calls import call
from dxdw.practice import SERIES


def test_arguments_by_position_and_by_name():
    x, W = [[[1, 2], [3, 4]]], [[[[1, 1]]]]
    assert json.loads(call("convolution:conv2d", json.dumps([x, W]), print)) == [[[3.0], [7.0]]]
    named = json.dumps({"x": x, "W": W, "stride": 2})
    assert json.loads(call("convolution:conv2d", named, print)) == [[[3.0]]]


def test_events_come_before_the_result():
    told = []
    arguments = json.dumps({"number": "04", "code": SERIES["04"].solution})
    assert call("practice.running:run", arguments, told.append) == "null"
    assert json.loads(told[-1])["solved"]


def test_infinity_is_a_word():
    assert call("layers:relu", "[[1e999]]", print) == '["inf"]'


@pytest.mark.parametrize("address", ["", "convolution", "os:", ":run", "../os:system", "a.:b", "a:b.c"])
def test_what_is_no_address(address):
    with pytest.raises(ValueError, match="it must be module:function"):
        call(address, "[]", print)


def test_what_the_function_raises_comes_through():
    with pytest.raises(ValueError, match="x has shape"):
        call("convolution:conv2d", "[[[1]], [[[[1]]]]]", print)
