"""The subcommands of `dxdw`: one module each, with a function `add` that registers it."""


class CommandError(Exception):
    """What a command can't do, told to its user in one line."""
