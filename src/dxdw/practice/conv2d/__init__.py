"""Problem 02: padding and stride."""
