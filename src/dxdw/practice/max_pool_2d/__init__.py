"""Problem 03: max pooling."""
