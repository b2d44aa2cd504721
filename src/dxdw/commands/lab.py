"""`dxdw lab`: the practice page, served to the browser on this machine."""

import argparse
import webbrowser
from pathlib import Path
from typing import Any

from . import CommandError

# Always the same: what the browser keeps, it keeps for an address with its port.
PORT = 8645


def add(subparsers: Any) -> None:
    """Add the command and its options."""
    parser = subparsers.add_parser(
        "lab",
        help="open the practice page: write, see and debug a backward pass in the browser",
        description="Serves the practice page on this machine alone, and opens the browser.",
    )
    parser.add_argument(
        "--port",
        type=int,
        default=PORT,
        help="(%(default)s; another that is free where it is taken)",
    )
    parser.add_argument("--no-browser", action="store_true", help="only say where the page is")
    parser.add_argument(
        "--folder", type=Path, help="a built page (default: that of the distribution dxdw-lab)"
    )
    parser.set_defaults(run=run)


def run(args: argparse.Namespace) -> int:
    """Serve until Ctrl-C."""
    from ..lab.folder import NoPage, installed, read
    from ..lab.server import PageServer

    if not 0 <= args.port < 1 << 16:
        raise CommandError(f"--port is {args.port}: it must be in 0…65535")
    try:
        files = read(args.folder or installed())
    except NoPage as error:
        raise CommandError(str(error)) from None
    try:
        server = PageServer(files, args.port)
    except OSError:
        if args.port != PORT:
            raise CommandError(f"port {args.port} is taken") from None
        server = PageServer(files, 0)
    with server:
        print(f"dxdw lab: {server.address}  (Ctrl-C ends it)", flush=True)
        if not args.no_browser:
            webbrowser.open(server.address)
        try:
            server.serve_forever()
        except KeyboardInterrupt:
            print()
    return 0
