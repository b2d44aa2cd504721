"""Problem 04: ReLU and softmax."""
