"""What the ways of one pass are estimated to cost, in nanoseconds: enough to choose between them.

Measured on 2 cores in float32 with NumPy 2.4 and its OpenBLAS. They are ratios that matter, and
where two ways come near each other either will do.
"""

# A multiplication and addition inside a large matrix product; a thin one loses by as much again for
# each time that 8 exceeds its height or its depth.
PRODUCT_NS = 0.015
THIN = 8
# An element copied from strided rows, and one added in place to strided rows.
COPY_NS, ADD_NS = 0.4, 0.75
# A matrix product's own call inside np.matmul.
CALL_NS = 700.0


def matrix_product(height: int, depth: int) -> float:
    """Of one multiplication and addition in a product (height × depth) @ (depth × many)."""
    return PRODUCT_NS * (1 + THIN / height + THIN / depth)
