"""Whether an installation's kernels compute what was published: `dxdw selftest`.

Fixed problems go through every compiled kernel. Their results are compared with the definition's,
and their bits with those published for the instruction set.
"""
