"""Implementations of a convolution's passes: `plan` orders them, and nothing else calls them."""
