"""Bridges to other libraries, each imported by its own name and installed by its own extra."""
