"""Results of more than 32 MB are written in large pages, where the system has them."""

import pytest
from later import Later

torch = Later("torch")
pytestmark = pytest.mark.peers("torch")


def test_large_pages_are_asked_for_within_a_large_result_alone(monkeypatch):
    from dxdw.interop.torch import conv2d, fresh_memory

    asked = []
    monkeypatch.setattr(fresh_memory, "_madvise", lambda *of: asked.append(of))
    W = torch.ones(1, 1, 3, 3)
    conv2d(torch.ones(1, 1, 64, 64), W)
    assert not asked
    out = conv2d(torch.ones(1, 1, 3000, 3000), W)
    ((first, size, advice),) = asked
    begin, end = out.data_ptr(), out.data_ptr() + out.nbytes
    assert begin <= first < begin + 4096
    assert end - 4096 < first + size <= end
    assert first % 4096 == size % 4096 == 0
    assert advice == 14


def test_a_system_that_refuses_does_no_harm(monkeypatch):
    from dxdw.interop.torch import fresh_memory

    a = torch.arange(5.0)
    fresh_memory.ask_for_large_pages(a)  # no whole page
    monkeypatch.setattr(fresh_memory, "_madvise", None)
    fresh_memory.ask_for_large_pages(a)
    assert a.tolist() == [0, 1, 2, 3, 4]
