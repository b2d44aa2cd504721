"""Problem 06: a small network."""
