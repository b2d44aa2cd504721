"""Problem 01: a convolution, as loops."""
