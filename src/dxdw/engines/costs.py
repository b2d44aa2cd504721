"""What the ways of one pass are estimated to cost, in nanoseconds: enough to choose between them.

Measured on one core in float32 with NumPy 2.4 and its OpenBLAS. They are ratios that matter, and
where two ways come near each other either will do.
"""

# A multiplication and addition in a large matrix product. One of few rows, or of few terms, loses
# what its registers or its accumulators stand empty; a matrix-vector product bounds the loss.
PRODUCT_NS, VECTOR_NS = 0.02, 0.19
FEW_ROWS, FEW_TERMS = 32, 24
# An element copied from rows of an array, and one added to another array just like it.
COPY_NS, SUM_NS = 0.4, 0.4
# An element added in place to a part of an array, and what each row of that part takes besides.
ADD_NS, ADD_ROW_NS = 1.0, 30.0
# A matrix product's own call inside np.matmul.
CALL_NS = 700.0


def matrix_product(rows: int, terms: int) -> float:
    """Of one multiplication and addition in a product (rows × terms) @ (terms × many).

    One of no rows or no terms has none of these: any price will do.
    """
    rows, terms = max(rows, 1), max(terms, 1)
    return min(PRODUCT_NS * (1 + FEW_ROWS / rows), VECTOR_NS) + PRODUCT_NS * FEW_TERMS / terms


def add_in_place(row: int) -> float:
    """Of one element added to a part whose rows are this long, if they have any."""
    return ADD_NS + ADD_ROW_NS / max(row, 1)
