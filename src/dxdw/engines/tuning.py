"""The machine as the engines in Python take it: what things cost on a core, and sizes of tiles.

Which way a sum is taken decides its last bits. So these numbers are the same on every machine, as
native/machine/tuning.h has some for the order of dW's sums: measured anew, they could differ from
one run to the next, and results with them. What does follow from the machine is how many products
its vectors do at once, which the library tells (`native_library.products_at_once`).

Measured on one core of a Zen 4 in float32, with NumPy 2.4 and its OpenBLAS (the sizes of tiles
with 512 kB of L2 and 32 MB of L3). Of nanoseconds it is the ratios that matter; where two ways come
near each other, either will do.
"""

# --- what things cost, in nanoseconds -------------------------------------------------------------

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

# A Fourier transform, for each point and doubling; a complex product of spectra, alone and inside a
# matrix product (with the transpositions it takes; for dW, whose matrices are thin, three times
# that); and the calls for one tile. float64 doubles them, and the direct sums.
TRANSFORM_NS = 0.3
# One from which on SciPy's threads pay, by that estimate: each transform wakes them anew (Zen 5,
# 31×31 on 512² by two threads: 3.2 ms, where one takes 2.2).
THREADED_NS = 1_000_000.0
PAIR_NS, MATRIX_NS, TRANSPOSED_NS = 2.0, 0.8, 3.0
TILE_NS = 120_000.0
# One product of the array engine with one channel in a group, with few, and with many.
DIRECT_ONE_NS, DIRECT_FEW_NS, DIRECT_MANY_NS = 0.17, 0.12, 0.035
MANY_CHANNELS = 12
# One product of the compiled kernels, if they added up one at a time: SSE2 has four at once, AVX2
# sixteen. AVX-512's 32 take as long as 22, for many CPUs halve its vectors.
COMPILED_NS = 0.56
MOST_AT_ONCE = 22.4
# By how much an estimate for the FFT has to be less: the estimates are rough, and being wrong for
# it costs more than being wrong against it.
MARGIN = 1.3
# A direct sum cheaper than this is left alone: a call takes as long by itself, and small integers
# stay exact.
LEAST_FOR_FFT_NS = 200_000.0

# --- sizes ----------------------------------------------------------------------------------------

# Bytes of scratch for one tile of the array engine: 1 MiB loses up to a third on 64 channels and
# more, 16 MiB gains nothing. Other libraries charge for every operation they are handed: fewer,
# larger tiles.
TILE_BYTES, TILE_BYTES_ELSEWHERE = 4 << 20, 64 << 20
# Columns are copied and multiplied in runs: shorter ones cost more than rows lowered twice.
SHORT_RUN = 16
# With fewer source channels than this in a group, by row beats by tap (measured: 1.2 to 1.7 times
# at 1 to 16 channels).
FEW_CHANNELS = 32
# A matrix product of fewer columns than this spends much of its time on W: images are joined.
FEW_COLUMNS = 128
# Elements of all images' columns, up to which the engine `small` takes a problem: it is ahead of
# the array engine 5 to 30 times at 15,000 and fewer, 2 to 3 times at 28,000, level at 200,000.
SMALL_COLUMNS = 1 << 17

# Bytes for the spectra of one block of the FFT's tiles, and of all its scratch memory beyond the
# size of the tensors.
BLOCK_BYTES, SCRATCH_BYTES = 8 << 20, 8 << 20
# Up to this many pairs of channels, a product for each beats a matrix product per frequency.
FEW_PAIRS = 32
# Rows that a transposition reads at a time: a cache line of each stays at hand.
STRIP = 32

# Bytes of scratch memory that a thread keeps between calls.
KEPT_BYTES = 8 << 20

# A call of the compiled kernels of more FLOPs for each of its threads, or of more elements, may
# take so long that signals have to be looked at meanwhile: Ctrl-C is to be answered within 250 ms,
# on a core of 1 GFLOP/s too.
LONG_FLOPS = 200_000_000
LONG_ELEMENTS = 16_000_000


def matrix_product(rows: int, terms: int) -> float:
    """Of one multiplication and addition in a product (rows × terms) @ (terms × many).

    One of no rows or no terms has none of these: any price will do.
    """
    rows, terms = max(rows, 1), max(terms, 1)
    return min(PRODUCT_NS * (1 + FEW_ROWS / rows), VECTOR_NS) + PRODUCT_NS * FEW_TERMS / terms


def add_in_place(row: int) -> float:
    """Of one element added to a part whose rows are this long, if they have any."""
    return ADD_NS + ADD_ROW_NS / max(row, 1)
