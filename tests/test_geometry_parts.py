"""Parts of an axis against counting: what a block reads, and that it meets its own taps alone."""

import pickle
from itertools import combinations, product

import pytest

from dxdw.geometry import Axis, ConvGeometry


def all_axes():
    for size, taps, stride, dilation in product(range(1, 6), range(1, 4), range(1, 5), (1, 2)):
        extent = (taps - 1) * dilation + 1
        for before, after in product(range(taps + 2), repeat=2):
            padded = before + size + after
            if extent <= padded:
                out = (padded - extent) // stride + 1
                yield Axis(size, taps, stride, dilation, before, after, out)


AXES = list(all_axes())


def meetings(axis):
    """(input, output, tap) for all that meet, padding included."""
    return {
        (i * axis.stride + u * axis.dilation - axis.before, i, u)
        for i in range(axis.out)
        for u in range(axis.taps)
    }


def inside(triples, axis):
    return {t for t in triples if 0 <= t[0] < axis.size}


def spans(n):
    return combinations(range(n + 1), 2)


def moved(triples, inputs, outputs):
    return {(j + inputs[0], i + outputs[0], u) for j, i, u in triples}


def assert_valid(part):
    assert part.size > 0
    assert part.before >= 0
    assert part.after >= 0
    assert 0 < part.out <= (part.padded - part.extent) // part.stride + 1


def test_outputs_of_a_part_meet_what_they_met_in_the_whole():
    for axis in AXES:
        for outputs in spans(axis.out):
            part, inputs = axis.over_outputs(*outputs)
            assert_valid(part)
            assert part.size == inputs[1] - inputs[0]
            assert part.out == outputs[1] - outputs[0]
            theirs = {t for t in meetings(axis) if outputs[0] <= t[1] < outputs[1]}
            assert moved(meetings(part), inputs, outputs) == theirs
            # What the part reads is what they read; one zero where they read nothing.
            read = {j for j, _, _ in inside(theirs, axis)}
            own = {j for j in range(*inputs) if 0 <= j < axis.size}
            assert read <= own
            if read:
                assert (min(own), max(own)) == (min(read), max(read))
                assert own == set(range(*inputs))
            else:
                assert len(range(*inputs)) <= 1 + max(0, axis.extent - axis.taps)


def test_inputs_of_a_part_meet_what_they_met_in_the_whole():
    for axis in AXES:
        for inputs in spans(axis.size):
            theirs = {t for t in meetings(axis) if inputs[0] <= t[0] < inputs[1]}
            found = axis.over_inputs(*inputs)
            if found is None:
                assert not theirs
                continue
            part, outputs = found
            assert_valid(part)
            assert part.size == inputs[1] - inputs[0]
            assert part.out == outputs[1] - outputs[0]
            assert outputs[0] >= 0
            assert outputs[1] <= axis.out
            assert moved(inside(meetings(part), part), inputs, outputs) == theirs


def test_no_more_outputs_than_windows_that_reach_and_one_before():
    for axis in AXES:
        for inputs in spans(axis.size):
            reaching = {
                i
                for i in range(axis.out)
                if i * axis.stride - axis.before < inputs[1]
                and i * axis.stride - axis.before + axis.extent > inputs[0]
            }
            found = axis.over_inputs(*inputs)
            outputs = set(range(*found[1])) if found else set()
            assert reaching <= outputs
            assert len(outputs) <= len(reaching) + 1


def test_outputs_are_counted_by_the_middles_of_their_windows():
    for axis in AXES:
        for position in range(-1, axis.size + 2):
            middles = (
                i * axis.stride - axis.before + (axis.extent - 1) // 2 for i in range(axis.out)
            )
            assert axis.outputs_centred_before(position) == sum(m < position for m in middles)


@pytest.mark.parametrize("over", ["over_outputs", "over_inputs"])
def test_geometry_takes_each_axis_apart(over):
    rows, columns = Axis(9, 3, 2, 1, 1, 1, 5), Axis(7, 2, 1, 2, 0, 0, 5)
    geometry = ConvGeometry(4, 6, 3, 3, (rows, columns))
    part, read = getattr(geometry, over)(2, [(1, 3), (2, 4)])
    each = [getattr(a, over)(*span) for a, span in ((rows, (1, 3)), (columns, (2, 4)))]
    assert part == ConvGeometry(2, 6, 3, 3, tuple(axis for axis, _ in each))
    assert read == [span for _, span in each]


def test_geometry_is_the_same_in_another_process():
    geometry = ConvGeometry(1, 2, 3, 1, (Axis(9, 3, 2, 1, 1, 1, 5),) * 2, "reflect")
    assert hash(geometry)
    copy = pickle.loads(pickle.dumps(geometry))  # noqa: S301
    assert copy == geometry
    assert "_hash" not in vars(copy), "strings hash differently there"
