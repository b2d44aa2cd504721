"""Parts of an axis against counting: what a block reads, and that it meets its own taps alone."""

import pickle
from itertools import combinations, pairwise, product

from dxdw.core.geometry import Axis, ConvGeometry


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


def test_parts_meet_what_met_in_the_whole():
    for axis in AXES:
        whole = meetings(axis)
        for outputs, inputs in product(spans(axis.out), spans(axis.size)):
            found = axis.part(outputs, inputs)
            theirs = {t for t in whole if t[1] in range(*outputs) and t[0] in range(*inputs)}
            if found is None:
                assert not theirs
                continue
            part, outs, ins = found
            assert part.size == ins[1] - ins[0] > 0
            assert part.out == outs[1] - outs[0] > 0
            assert min(part.before, part.after) >= 0
            assert part.padded == (part.out - 1) * part.stride + part.extent
            assert moved(inside(meetings(part), part), ins, outs) == theirs


def test_all_pieces_of_inputs_together_meet_what_the_outputs_read():
    """Cut in two anywhere, and in one: nothing is missing, and nothing comes twice."""
    for axis in AXES:
        for outputs, cut in product(spans(axis.out), range(axis.size)):
            ends = (0, cut, axis.size)
            found = [axis.part(outputs, piece) for piece in pairwise(ends)]
            met = [
                moved(inside(meetings(part), part), ins, outs)
                for part, outs, ins in filter(None, found)
            ]
            right = {t for t in inside(meetings(axis), axis) if t[1] in range(*outputs)}
            assert sum(map(len, met)) == len(right)
            assert set().union(*met) == right


def test_windows_and_outputs_reaching_are_each_others():
    for axis in AXES:
        window = {i: set(range(*axis.windows(i, i + 1))) for i in range(axis.out)}
        for first, last in spans(axis.out):
            seen = set().union(*(window[i] for i in range(first, last)))
            assert axis.windows(first, last) == (min(seen), max(seen) + 1)
        for inputs in spans(axis.size):
            reaching = [i for i in range(axis.out) if window[i] & set(range(*inputs))]
            assert list(range(*axis.outputs_reaching(*inputs))) == reaching


def test_nothing_meets_nothing():
    axis = Axis(5, 3, 1, 1, 1, 1, 5)
    assert axis.part((2, 2), (0, 5)) is None
    assert axis.part((0, 5), (2, 2)) is None
    first, last = axis.outputs_reaching(9, 9)
    assert first == last


def test_outputs_are_counted_by_the_middles_of_their_windows():
    for axis in AXES:
        for position in range(-1, axis.size + 2):
            middles = (
                i * axis.stride - axis.before + (axis.extent - 1) // 2 for i in range(axis.out)
            )
            assert axis.outputs_centred_before(position) == sum(m < position for m in middles)


def test_geometry_takes_each_axis_apart():
    rows, columns = Axis(9, 3, 2, 1, 1, 1, 5), Axis(7, 2, 1, 2, 0, 0, 5)
    geometry = ConvGeometry(4, 6, 3, 3, (rows, columns))
    outputs, inputs = ((0, 3), (1, 3), (2, 4)), ((1, 4), (0, 9), (3, 7))
    part, outs, ins = geometry.part(outputs, inputs)
    r, c = rows.part((1, 3), (0, 9)), columns.part((2, 4), (3, 7))
    assert part == ConvGeometry(2, 6, 3, 3, (r[0], c[0]))
    assert (outs, ins) == (((1, 3), r[1], c[1]), ((1, 3), r[2], c[2]))
    assert geometry.windows(outputs) == ((0, 3), rows.windows(1, 3), columns.windows(2, 4))
    reaching = rows.outputs_reaching(0, 9), columns.outputs_reaching(3, 7)
    assert geometry.outputs_reaching(inputs) == ((1, 4), *reaching)
    assert geometry.part(((0, 1), (1, 3), (2, 4)), inputs) is None, "another image"


def test_geometry_is_the_same_in_another_process():
    geometry = ConvGeometry(1, 2, 3, 1, (Axis(9, 3, 2, 1, 1, 1, 5),) * 2, "reflect")
    assert hash(geometry)
    copy = pickle.loads(pickle.dumps(geometry))  # noqa: S301
    assert copy == geometry
    assert "_hash" not in vars(copy), "strings hash differently there"


def test_a_padded_image_has_no_padding_left_and_the_same_positions():
    for axis in AXES:
        whole = axis.prepadded()
        assert (whole.before, whole.after, whole.size) == (0, 0, axis.padded)
        shift = {(j + axis.before, i, u) for j, i, u in meetings(axis)}
        assert meetings(whole) == shift


def read(gather):
    """(destination, source, tap) for all that a gather meets, zeros beyond the source included."""
    return {
        (gather.start + gather.spacing * q, q * gather.step + offset, tap)
        for q in range(gather.count)
        for tap, offset in zip(gather.taps, gather.offsets, strict=True)
    }


def test_a_dilated_gather_in_parts_whose_taps_are_neighbours():
    apart = 0
    for axis in AXES:
        for gather in (axis.forward_gather(), *axis.dx_gathers()):
            phases = list(gather.dilation_phases())
            assert set.union(*map(read, phases)) == read(gather)
            assert sum(phase.count for phase in phases) == gather.count
            distance = gather.offsets[1] - gather.offsets[0] if len(gather.offsets) > 1 else 1
            if gather.step > 1 or distance == 1:
                assert phases == [gather]
                continue
            apart += 1
            assert len(phases) == min(distance, gather.count)
            assert {phase.step for phase in phases} == {distance}
            assert phases[0].count == max(phase.count for phase in phases)
    assert apart


def test_pairs_that_meet_are_counted_as_one_by_one():
    strides = [1, 2, 3, 6], [1, 2, 4, 5]
    sizes = product((1, 4, 9), (1, 2, 5), *strides, (0, 1, 7), (0, 3))
    dilated = (
        Axis(size, taps, stride, dilation, before, after, out)
        for size, taps, stride, dilation, before, after in sizes
        for out in (0, 1, 2, 8)
    )
    for axis in (*AXES, *dilated):
        assert axis.meetings == len(inside(meetings(axis), axis)), axis


def test_phases_of_dx_read_what_met_and_nothing_twice():
    for size, taps, stride, dilation, before in product(
        (1, 2, 7), (1, 3, 7), (1, 2, 4, 6, 9), (1, 2, 3, 4, 6), (0, 1, 5)
    ):
        axis = Axis(size, taps, stride, dilation, before, 20, 4)
        phases = axis.dx_gathers()
        every = [triple for gather in phases for triple in sorted(read(gather))]
        among_outputs = {(j, i, u) for j, i, u in every if 0 <= i < axis.out}
        assert among_outputs == inside(meetings(axis), axis)
        assert len(every) == len(set(every))
        starts = [gather.start for gather in phases]
        assert starts == sorted(starts)


def test_an_axis_of_a_billion_taps_is_no_list():
    axis = Axis(3 * 10**9, 10**9, 7, 2, 5, 5, 10**7)
    # All inside but for what lies before the image: u ≤ 2, then 1 and 0 of the first outputs.
    missed = sum(i * 7 + u * 2 < 5 for i in range(2) for u in range(3))
    assert axis.meetings == 10**9 * 10**7 - missed
    assert sum(len(gather.taps) for gather in axis.dx_gathers()) == 10**9
    assert len(axis.forward_gather().offsets) == 10**9
