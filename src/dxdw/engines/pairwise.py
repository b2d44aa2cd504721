"""Summation whose rounding error grows with the logarithm of the number of terms."""

from ..core.arrays import Array


class PairwiseSum:
    """A running sum of arrays, added in pairs, pairs of pairs and so on (Higham 1993).

    Holds one partial sum for each 1 in the binary count of the terms so far. The order of the
    additions depends on that count alone.
    """

    def __init__(self) -> None:
        self._partial: list[tuple[int, Array]] = []  # (how many doublings, sum)

    def add(self, term: Array) -> None:
        """Adds an array that nobody else holds: it may be written into."""
        level = 0
        while self._partial and self._partial[-1][0] == level:
            term += self._partial.pop()[1]
            level += 1
        self._partial.append((level, term))

    def total(self) -> Array:
        result = self._partial.pop()[1]
        while self._partial:
            result += self._partial.pop()[1]
        return result
