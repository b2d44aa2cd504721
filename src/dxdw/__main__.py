"""`python -m dxdw`, the same as `dxdw`."""

import sys

from .cli import main

sys.exit(main())
