"""A run as JSON, and back.

machine     the CPU's model, how many CPUs, the versions, the instruction set, and by the number
            of threads the measured peak (FLOP/s by dtype) and bandwidth (bytes/s)
peers       the version of each peer that was timed
left_out    the peers that were not, and why
settings    threads and caches; in the first, every way was timed
precisions  of dxdw; the first was timed in every setting
complete    whether the run came to its end
rows        one for each problem, dtype, pass, setting and precision, with the fields of
            `rows.Row`; timings in seconds; and what follows from them: gflops, of_peak,
            memory_bound, of_bandwidth (parts, not percent), and ratios by peer
figures     what was aimed at, what was measured, and whether it was met (null: not measured)
"""

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

from ..classifier.files import FileRefused, check_readable
from ..core.files import replacing
from .figures import figures
from .rows import Row, Setting

EXPECTED = "a run that `dxdw bench --json` wrote"
MOST_BYTES = 1 << 28


class Run(NamedTuple):
    """All that a run found."""

    machine: Mapping[str, Any]
    peers: Mapping[str, str]
    left_out: Mapping[str, str]
    settings: Sequence[Setting]
    precisions: Sequence[str]
    rows: Sequence[Row]
    complete: bool

    def write(self, file: Path) -> None:
        """Write it as JSON."""
        written = {
            **self._asdict(),
            "settings": [setting._asdict() for setting in self.settings],
            "rows": [row.as_json() for row in self.rows],
            "figures": [figure._asdict() for figure in figures(self.rows)],
        }
        text = json.dumps(written, indent=1, ensure_ascii=False) + "\n"
        with replacing(file) as into:
            into.write(text.encode("utf-8"))

    @classmethod
    def read(cls, file: Path) -> "Run":
        """A run that was written.

        Raises:
            OSError: the file can't be read.
            FileRefused: it holds something else.
        """
        check_readable(file, EXPECTED, MOST_BYTES)
        try:
            written = json.loads(file.read_text("utf-8"))
            fields = {name: written[name] for name in cls._fields}
            fields["settings"] = [Setting(**setting) for setting in written["settings"]]
            fields["rows"] = [Row.from_json(row) for row in written["rows"]]
        except (AttributeError, KeyError, RecursionError, TypeError, ValueError) as error:
            raise FileRefused(file, "it holds something else", EXPECTED) from error
        return cls(**fields)
