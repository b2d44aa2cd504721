"""`dxdw bench`: our time beside that of the ways NumPy users write a convolution themselves."""
