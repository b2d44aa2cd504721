"""Problem 05: the gradients of a convolution."""
