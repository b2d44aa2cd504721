"""Rectangles of images and positions: how large they are, and one within another."""

from math import prod

from ...core.geometry import Span, Spans

Starts = tuple[tuple[int, ...], ...]
"""Where each piece begins: the first image, and the first position along each axis."""


def length(span: Span) -> int:
    """How many images or positions: none, where a span ends before it begins."""
    return max(span[1] - span[0], 0)


def volume(spans: Spans) -> int:
    """How many positions, of all images."""
    return prod(map(length, spans))


def common(a: Spans, b: Spans) -> Spans | None:
    """What both have, if anything."""
    both = tuple((max(p[0], q[0]), min(p[1], q[1])) for p, q in zip(a, b, strict=True))
    return both if volume(both) else None


def inside(part: Spans, spans: Spans) -> Spans:
    """A part of spans, counted from where they begin."""
    return tuple((p[0] - q[0], p[1] - q[0]) for p, q in zip(part, spans, strict=True))


def index_of(spans: Spans) -> tuple[slice, ...]:
    """As an index of an array (N, C, *positions), with all channels."""
    images, *positions = (slice(*span) for span in spans)
    return (images, slice(None), *positions)
